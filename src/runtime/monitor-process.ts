/**
 * The monitor, as a process that waits for its plan. A command that was started for one finds it waiting: the start-up
 * has begun it while Bun was being loaded (native/start/ahead.c). Others begin one themselves.
 *
 * Its ELF file, compiled from native/, lies at the very end of this executable (native/self-contained.ts): from there the
 * kernel copies it, and none of it comes through this process's memory.
 */
import { syscall } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "../sys/file.ts";
import { nodeFs } from "../sys/node.ts";
import { copiedMemfd, endChild, memfd, spawn } from "../sys/process.ts";
import { fromLatin1 } from "../sys/text.ts";
import { seqpacketPair } from "../sys/unix-socket.ts";
import { MonitorClient } from "./monitor.ts";

const NAME = "nanocontainer-monitor";
/** The last bytes: the monitor's size as a 64-bit number, and this word. */
export const MAGIC = "NCMONITR";
const TRAILER = 16;
const SEEK_END = 2;

let ahead = process.env["NANOCONTAINER_MONITOR"];
delete process.env["NANOCONTAINER_MONITOR"]; // it is nobody else's

/** The socket of the monitor that waits since the start of this process; undefined: none does, or it has its plan. */
export function waitingMonitor(): Fd | undefined {
	const socket = ahead ? new Fd(Number(ahead)) : undefined;
	ahead = undefined;
	return socket;
}

/** How long it may take to be begun; one that somebody has stopped is not waited for. */
const BEGUN_MS = 500;

/** Ends the monitor that waits, and sees it off: not every machine has somebody who collects orphans. */
export function dismissMonitor(): void {
	const socket = waitingMonitor();
	if (!socket) return;
	using client = new MonitorClient(socket);
	const word = client.nextWithin(BEGUN_MS);
	if (word?.type === "ready") endChild(word.a);
}

/** As long as an id, which the monitor writes there for ps(1). */
const PLACE_OF_ID = "-".repeat(64);

/** Begins one. Returns the socket to it. */
export function newMonitor(): Fd {
	using program = monitorProgram();
	const [ours, theirs] = seqpacketPair();
	using end = theirs;
	try {
		spawn(`/proc/self/fd/${program.number}`, [NAME, PLACE_OF_ID], [end.number]);
		return ours;
	} catch (error) {
		ours[Symbol.dispose]();
		throw error;
	}
}

/** Another program of the same file, by its name (native/main.c), with these descriptors as 3 and so on. Returns its pid. */
export function spawnNative(name: string, words: readonly string[], fds: readonly Fd[]): number {
	using program = monitorProgram();
	return spawn(
		`/proc/self/fd/${program.number}`,
		[name, ...words],
		fds.map(({ number }) => number),
	);
}

/** A sealed file in memory that holds it. */
function monitorProgram(): Fd {
	using self = openat2(AT_FDCWD, "/proc/self/exe", O_RDONLY);
	const end = syscall("lseek", "/proc/self/exe", self.number, 0, SEEK_END) - TRAILER;
	const trailer = new Uint8Array(TRAILER);
	syscall("pread64", "/proc/self/exe", self.number, trailer, TRAILER, end);
	if (fromLatin1(trailer.subarray(8)) !== MAGIC) return memfd(NAME, nodeFs().readFileSync("build/monitor"), true); // run by bun
	const size = Number(new DataView(trailer.buffer).getBigUint64(0, true));
	return copiedMemfd(NAME, self.number, end - size, size);
}
