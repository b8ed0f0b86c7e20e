/**
 * The proxy of a container's published ports: a small C process (native/net/proxy.c) that holds their sockets on the host,
 * and carries what rules do not. It ends with the container's first process.
 */

import { EngineError } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import { numbersIn, rmSync, textIfThere, writeFileSync } from "../sys/fs.ts";
import type { Ipv4 } from "../sys/ipv4.ts";
import { formatIpv4 } from "../sys/ipv4.ts";
import { collectChild, pidfdKill, pidfdOpen, poll, startTime } from "../sys/process.ts";

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

/** Ends them, if they have not yet: when this returns, the ports are free. */
export function endProxies(directory: string): void {
	const numbers = numbersIn(`${directory}/proxy`);
	for (let at = 0; at < numbers.length; at += 2) end(numbers[at] ?? 0, numbers[at + 1] ?? 0);
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
