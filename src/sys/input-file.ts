/**
 * A file that a user names: read whole, up to a limit, from what has an end: a regular file, a pipe, a socket. A device
 * may give for ever (zero(4)) or never (a tape); null(4) is empty, and a terminal ends when its user says so.
 */
import { EAGAIN, EINTR, SyscallError, trySyscall } from "./errno.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "./file.ts";
import { poll } from "./process.ts";
import { S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG, S_IFSOCK, statFd, typeOf } from "./stat.ts";
import { isTerminal } from "./terminal.ts";

/** Why a file was not read to its end. */
export class Unreadable extends Error {
	override readonly name = "Unreadable";
}

const EISDIR = 21;
const CHUNK = 64 * 1024;
/** null(4) is 1:3 (Documentation/admin-guide/devices.txt). */
const MEM_MAJOR = 1;
const NULL_MINOR = 3;

/** Throws SyscallError of open(2) and read(2), or Unreadable for what has no end that could be waited for. */
export function readInputFile(path: string, limit: number): Uint8Array {
	using file = openat2(AT_FDCWD, path, O_RDONLY);
	return readInput(file.number, path, limit);
}

/** The same of what is open already; `path` is for the error. */
export function readInput(fd: number, path: string, limit: number): Uint8Array {
	checkInput(fd, path);
	const chunks: Uint8Array[] = [];
	for (let length = 0; ; ) {
		const chunk = new Uint8Array(CHUNK);
		const n = trySyscall("read", fd, chunk, CHUNK);
		if (n === -EINTR) continue;
		if (n === -EAGAIN) {
			poll(fd, -1); // whoever shares the pipe has made it so
			continue;
		}
		if (n < 0) throw new SyscallError("read", path, -n);
		if (n === 0) return joined(chunks, length);
		length += n;
		if (length > limit) throw new Unreadable(`${path} has more than the ${limit} bytes that are read of it`);
		chunks.push(chunk.subarray(0, n));
	}
}

/** Throws unless an open file is of a kind that ends. */
export function checkInput(fd: number, path: string): void {
	const { mode, major, minor } = statFd(fd);
	const kind = typeOf(mode);
	if (kind === S_IFDIR) throw new SyscallError("read", path, EISDIR);
	if (kind === S_IFREG || kind === S_IFIFO || kind === S_IFSOCK) return;
	const isNull = kind === S_IFCHR && major === MEM_MAJOR && minor === NULL_MINOR;
	if (!isNull && !isTerminal(fd)) throw new Unreadable(`${path} is neither a regular file nor a pipe`);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
	const [first] = chunks;
	if (chunks.length === 1 && first) return first;
	const all = new Uint8Array(length);
	let at = 0;
	for (const chunk of chunks) {
		all.set(chunk, at);
		at += chunk.length;
	}
	return all;
}
