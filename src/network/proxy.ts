/**
 * The proxy of a container's published ports: a small C process (native/net/proxy.c) that holds their sockets on the host,
 * and carries what rules do not. It ends with the container's first process.
 */

import { EngineError } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import { numbersIn, rmSync, textIfThere, writeFileSync } from "../sys/fs.ts";
import type { Ipv4 } from "../sys/ipv4.ts";
import { formatIpv4 } from "../sys/ipv4.ts";
import { collectChild, pidfdGetFd, pidfdKill, pidfdOpen, poll, startTime } from "../sys/process.ts";

export interface ProxiedPort {
	readonly protocol: "tcp" | "udp" | "sctp";
	/** Bound on the host. */
	readonly socket: Fd;
	/** The container's. */
	readonly port: number;
}

/** Starts one, beside those that it has, for a process that waits in its network namespace. `spawn` starts the program with those descriptors as 3… */
export function startProxy(
	spawn: (name: string, words: readonly string[], fds: readonly Fd[]) => number,
	container: { readonly id: string; readonly pid: number; readonly ip: Ipv4; readonly directory: string },
	ports: readonly ProxiedPort[],
): void {
	using pidfd = pidfdOpen(container.pid);
	if (!pidfd) throw new EngineError("failed", "the container's first process is gone");
	const ip = formatIpv4(container.ip);
	const words = ports.flatMap(({ protocol, port }) => [protocol === "sctp" ? "hold" : protocol, ip, String(port)]);
	const pid = spawn("nanocontainer-proxy", [container.id, ...words], [pidfd, ...ports.map(({ socket }) => socket)]);
	const file = `${container.directory}/proxy`;
	const others = textIfThere(file);
	writeFileSync(file, `${others ? `${others} ` : ""}${pid} ${startTime(pid) ?? 0}`, { mode: 0o600 });
}

const SIGKILL = 9;
/** A process that has been killed is gone in less. */
const GONE_MS = 2000;

/** The proxies that are noted: pid and start time. */
function noted(directory: string): [pid: number, started: number][] {
	const numbers = numbersIn(`${directory}/proxy`);
	return Array.from({ length: numbers.length >> 1 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0]);
}

/** The first descriptor of a proxy that is a port's (native/net/proxy.c). */
const FIRST_PORT = 4;

/** Duplicates of the sockets that they hold: who has these has the ports, whatever becomes of the proxies. */
export function heldSockets(directory: string): Fd[] {
	return noted(directory).flatMap(([pid, started]) => {
		using pidfd = pid ? pidfdOpen(pid) : undefined;
		if (!pidfd || startTime(pid) !== started) return [];
		const sockets: Fd[] = [];
		for (let number = FIRST_PORT; ; number++) {
			const socket = pidfdGetFd(pidfd.number, number);
			if (!socket) return sockets;
			sockets.push(socket);
		}
	});
}

/** Ends those that there are, once `start` has begun one in their place. */
export function replaceProxies(directory: string, start: () => void): void {
	const old = noted(directory);
	start();
	for (const [pid, started] of old) end(pid, started);
	const rest = noted(directory).slice(old.length);
	writeFileSync(`${directory}/proxy`, rest.flat().join(" "), { mode: 0o600 });
}

/** Ends them, if they have not yet: when this returns, the ports are free. */
export function endProxies(directory: string): void {
	for (const [pid, started] of noted(directory)) end(pid, started);
	rmSync(`${directory}/proxy`, { force: true });
}

function end(pid: number, started: number): void {
	if (pid === 0) return; // that would be any child of ours
	using pidfd = pidfdOpen(pid);
	if (!pidfd || startTime(pid) !== started) {
		collectChild(pid);
		return;
	}
	pidfdKill(pidfd.number, SIGKILL);
	poll(pidfd.number, GONE_MS);
	collectChild(pid);
}
