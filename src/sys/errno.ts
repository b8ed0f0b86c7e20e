/**
 * The one door to the kernel, and the one reader of errno. `syscall()` is libc's generic entry (syscall(2)); errno is
 * read by the very next native call, so nothing of the JavaScript runtime can come between.
 * The names and texts are those of errno(3).
 */
import { dlopen, ptr, read } from "bun:ffi";
import { SYS, type Syscall } from "./syscalls.ts";

/** A number, a path (passed as a NUL-terminated UTF-8 string), bytes (passed as their address), or NULL. */
export type Arg = number | string | NodeJS.TypedArray | DataView | null;

const A = "cstring";
const libc = dlopen("libc.so.6", {
	syscall: { args: ["i64", A, A, A, A, A, A], returns: "i64_fast" as "i64" },
	__errno_location: { args: [], returns: "ptr" },
	posix_spawn: { args: [A, A, A, A, A, A], returns: "i32" },
	posix_spawn_file_actions_init: { args: [A], returns: "i32" },
	posix_spawn_file_actions_adddup2: { args: [A, "i32", "i32"], returns: "i32" },
	posix_spawn_file_actions_destroy: { args: [A], returns: "i32" },
});
const raw = libc.symbols.syscall as unknown as (...args: [number, Arg, Arg, Arg, Arg, Arg, Arg]) => number;
const errnoLocation = libc.symbols.__errno_location as unknown as () => number;
/** posix_spawn(3) and its file actions: they return the error, errno is not used. */
export const posixSpawn = libc.symbols.posix_spawn as unknown as (...args: Arg[]) => number;
export const spawnActions = {
	init: libc.symbols.posix_spawn_file_actions_init as unknown as (actions: Uint8Array) => number,
	addDup2: libc.symbols.posix_spawn_file_actions_adddup2 as unknown as (
		a: Uint8Array,
		fd: number,
		to: number,
	) => number,
	destroy: libc.symbols.posix_spawn_file_actions_destroy as unknown as (actions: Uint8Array) => number,
};
/** Where bytes lie in memory, for a structure that holds pointers. The caller keeps them alive over the call. */
export const addressOf = (bytes: NodeJS.TypedArray): number => ptr(bytes) as unknown as number;

const lastErrno = (): number => read.i32(errnoLocation() as never, 0);

/** Makes the call. Returns its result, or -errno. */
export function trySyscall(name: Syscall, a: Arg = 0, b: Arg = 0, c: Arg = 0, d: Arg = 0, e: Arg = 0, f: Arg = 0) {
	const result = raw(SYS[name], a, b, c, d, e, f);
	return result < 0 ? -lastErrno() : result;
}

/** Makes the call; throws SyscallError when it fails. `path` is what the error will name. */
export function syscall(name: Syscall, path: string, ...args: Arg[]): number {
	const result = trySyscall(name, ...(args as [Arg]));
	if (result < 0) throw new SyscallError(name, path, -result);
	return result;
}

export class SyscallError extends Error {
	override readonly name = "SyscallError";
	readonly code: string;
	constructor(
		readonly syscall: string,
		readonly path: string,
		readonly errno: number,
	) {
		super(`${syscall}${path ? ` ${path}` : ""}: ${errnoText(errno)}`);
		this.code = errnoName(errno);
	}
}

/** Made when there is an error to name. */
const texts = (): Record<number, readonly [string, string]> => ({
	1: ["EPERM", "operation not permitted"],
	2: ["ENOENT", "no such file or directory"],
	3: ["ESRCH", "no such process"],
	4: ["EINTR", "interrupted system call"],
	5: ["EIO", "input/output error"],
	6: ["ENXIO", "no such device or address"],
	7: ["E2BIG", "argument list too long"],
	8: ["ENOEXEC", "exec format error"],
	9: ["EBADF", "bad file descriptor"],
	11: ["EAGAIN", "resource temporarily unavailable"],
	12: ["ENOMEM", "cannot allocate memory"],
	13: ["EACCES", "permission denied"],
	14: ["EFAULT", "bad address"],
	16: ["EBUSY", "device or resource busy"],
	17: ["EEXIST", "file exists"],
	18: ["EXDEV", "invalid cross-device link"],
	19: ["ENODEV", "no such device"],
	20: ["ENOTDIR", "not a directory"],
	21: ["EISDIR", "is a directory"],
	22: ["EINVAL", "invalid argument"],
	23: ["ENFILE", "too many open files in system"],
	24: ["EMFILE", "too many open files"],
	25: ["ENOTTY", "inappropriate ioctl for device"],
	26: ["ETXTBSY", "text file busy"],
	27: ["EFBIG", "file too large"],
	28: ["ENOSPC", "no space left on device"],
	29: ["ESPIPE", "illegal seek"],
	30: ["EROFS", "read-only file system"],
	31: ["EMLINK", "too many links"],
	32: ["EPIPE", "broken pipe"],
	34: ["ERANGE", "numerical result out of range"],
	36: ["ENAMETOOLONG", "file name too long"],
	38: ["ENOSYS", "function not implemented"],
	39: ["ENOTEMPTY", "directory not empty"],
	40: ["ELOOP", "too many levels of symbolic links"],
	61: ["ENODATA", "no data available"],
	71: ["EPROTO", "protocol error"],
	75: ["EOVERFLOW", "value too large for defined data type"],
	93: ["EPROTONOSUPPORT", "protocol not supported"],
	95: ["EOPNOTSUPP", "operation not supported"],
	97: ["EAFNOSUPPORT", "address family not supported by protocol"],
	98: ["EADDRINUSE", "address already in use"],
	99: ["EADDRNOTAVAIL", "cannot assign requested address"],
	100: ["ENETDOWN", "network is down"],
	101: ["ENETUNREACH", "network is unreachable"],
	104: ["ECONNRESET", "connection reset by peer"],
	105: ["ENOBUFS", "no buffer space available"],
	107: ["ENOTCONN", "transport endpoint is not connected"],
	110: ["ETIMEDOUT", "connection timed out"],
	111: ["ECONNREFUSED", "connection refused"],
	113: ["EHOSTUNREACH", "no route to host"],
	116: ["ESTALE", "stale file handle"],
	122: ["EDQUOT", "disk quota exceeded"],
	125: ["ECANCELED", "operation canceled"],
});
let made: ReturnType<typeof texts> | undefined;

function textsOf(errno: number): readonly [string, string] | undefined {
	made ??= texts();
	return made[errno];
}

export const errnoName = (errno: number): string => textsOf(errno)?.[0] ?? `E${errno}`;
export const errnoText = (errno: number): string => textsOf(errno)?.[1] ?? `errno ${errno}`;

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EPIPE = 32;
export const ENOTEMPTY = 39;
export const ESRCH = 3;
export const ENXIO = 6;
export const ELOOP = 40;
export const EOPNOTSUPP = 95;
export const ENODEV = 19;
export const ENOSYS = 38;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
