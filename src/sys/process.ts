/** Processes: posix_spawn(3), pidfd_open(2), memfd_create(2), /proc/<pid>/stat. */
import { addressOf, posixSpawn, SyscallError, spawnActions, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT_FDCWD, readLinkAt, writeAll } from "./file.ts";
import { textIfThere } from "./fs.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const F_SEAL_WRITE = 8;

/**
 * A memfd that holds `bytes`. Sealed, it can never change again: a container that gets hold of the program it was
 * started by (/proc/1/exe) cannot overwrite it (CVE-2019-5736).
 */
export function memfd(name: string, bytes: Uint8Array, sealed: boolean): Fd {
	const file = newMemfd(name, sealed);
	writeAll(file.number, bytes, name);
	if (sealed) seal(file, name);
	return file;
}

/** A sealed memfd with `size` bytes of an open file, from `offset` on (sendfile(2)). */
export function copiedMemfd(name: string, source: number, offset: number, size: number): Fd {
	const file = newMemfd(name, true);
	const position = new BigInt64Array([BigInt(offset)]);
	for (let left = size; left > 0; ) {
		const n = syscall("sendfile", name, file.number, source, position, left);
		if (n === 0) throw new Error(`${name}: the executable is cut off`);
		left -= n;
	}
	seal(file, name);
	return file;
}

function newMemfd(name: string, executable: boolean): Fd {
	let fd = trySyscall("memfd_create", name, MFD_CLOEXEC | MFD_ALLOW_SEALING | (executable ? MFD_EXEC : 0));
	if (fd < 0) fd = syscall("memfd_create", name, name, MFD_CLOEXEC | MFD_ALLOW_SEALING); // MFD_EXEC is of Linux 6.3
	return new Fd(fd);
}

const seal = (file: Fd, name: string): number =>
	syscall("fcntl", name, file.number, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);

const F_DUPFD_CLOEXEC = 1030;
const FIRST_FREE = 64;

/**
 * Starts a program with an empty environment. `fds[i]` becomes its descriptor 3+i; 0, 1 and 2 are inherited, all
 * others are close-on-exec. Returns the pid.
 */
export function spawn(path: string, argv: readonly string[], fds: readonly number[]): number {
	const strings = argv.map((text) => new TextEncoder().encode(`${text}\0`));
	const args = new BigUint64Array([...strings.map((bytes) => BigInt(addressOf(bytes))), 0n]);
	const actions = new Uint8Array(128); // posix_spawn_file_actions_t is 80 bytes in glibc
	const pid = new Int32Array(1);
	// First above all numbers they become, or one dup2 could overwrite the source of the next.
	const above = Math.max(FIRST_FREE, 3 + fds.length);
	const high = fds.map((fd) => new Fd(syscall("fcntl", "", fd, F_DUPFD_CLOEXEC, above)));
	try {
		spawnActions.init(actions);
		high.forEach((fd, i) => {
			spawnActions.addDup2(actions, fd.number, 3 + i);
		});
		const error = posixSpawn(pid, path, actions, null, args, new BigUint64Array(1));
		if (error) throw new SyscallError("posix_spawn", path, error);
		return pid[0] ?? 0;
	} finally {
		spawnActions.destroy(actions);
		for (const fd of high) fd[Symbol.dispose]();
	}
}

/** A descriptor for a process, immune to the reuse of its pid; undefined when it is gone. */
export function pidfdOpen(pid: number): Fd | undefined {
	const fd = trySyscall("pidfd_open", pid, 0);
	return fd < 0 ? undefined : new Fd(fd);
}

/** Another process's descriptor, as one of ours (pidfd_getfd(2)); undefined: it has none of that number, or is not ours to ask. */
export function pidfdGetFd(pidfd: number, number: number): Fd | undefined {
	const fd = trySyscall("pidfd_getfd", pidfd, number, 0);
	return fd < 0 ? undefined : new Fd(fd);
}

/** Sends a signal; false when the process is gone. */
export function pidfdKill(pidfd: number, signal: number): boolean {
	return trySyscall("pidfd_send_signal", pidfd, signal, null, 0) === 0;
}

/** When the process started, in clock ticks since boot (proc(5), stat field 22); undefined when it is gone or dead. */
export function startTime(pid: number): number | undefined {
	if (pid !== process.pid) return readStartTime(pid);
	own ??= readStartTime(pid);
	return own;
}

let own: number | undefined;

function readStartTime(pid: number): number | undefined {
	const stat = textIfThere(`/proc/${pid}/stat`);
	if (stat === undefined) return undefined;
	// The second field is the program's name and may hold anything, parentheses too.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	const state = fields[0];
	return state === "Z" || state === "X" ? undefined : Number(fields[19]);
}

/**
 * Ends the process at once (exit_group(2)). There is nothing to tear down: output is written, descriptors are the
 * kernel's to close, and SQLite, closed in order, would copy its log into the database with two waits for the disk.
 */
export function exitNow(code: number): never {
	trySyscall("exit_group", code);
	throw new Error("exit_group returned");
}

const WNOHANG = 1;

/**
 * Collects the children that have ended, orphans that were given to this process too (wait4(2)). Returns their pids.
 */
export function reapChildren(): number[] {
	const ended: number[] = [];
	for (;;) {
		const pid = trySyscall("wait4", -1, null, WNOHANG, null);
		if (pid <= 0) return ended;
		ended.push(pid);
	}
}

const SIGKILL = 9;

/** Kills a child of this process and collects it (wait4(2)). That it has ended, or is collected already, is fine. */
export function endChild(pid: number): void {
	trySyscall("kill", pid, SIGKILL);
	trySyscall("wait4", pid, null, 0, null);
}

/** Collects a process that has ended, if it is a child of this one (wait4(2)). */
export const collectChild = (pid: number): void => void trySyscall("wait4", pid, null, WNOHANG, null);

const PR_SET_CHILD_SUBREAPER = 36;

/** Orphans among the descendants become this process's children, as the first process gets them anyway (prctl(2)). */
export function becomeSubreaper(): void {
	syscall("prctl", "PR_SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER, 1);
}

const pollfd = new DataView(new ArrayBuffer(8));
export const POLLIN = 1;

const POLLOUT = 4;

/** Waits until a descriptor takes more. */
export function pollWritable(fd: number): void {
	pollfd.setInt32(0, fd, true);
	pollfd.setInt16(4, POLLOUT, true);
	trySyscall("poll", pollfd, 1, process.arch === "arm64" ? null : -1, null, 0);
}

/** Waits until a descriptor is readable; false when `timeoutMs` passed (0: look only; -1: for ever). */
export function poll(fd: number, timeoutMs: number): boolean {
	pollfd.setInt32(0, fd, true);
	pollfd.setInt16(4, POLLIN, true);
	if (process.arch !== "arm64") return trySyscall("poll", pollfd, 1, timeoutMs) > 0;
	const timespec = new BigInt64Array([BigInt(Math.trunc(timeoutMs / 1000)), BigInt((timeoutMs % 1000) * 1e6)]);
	return trySyscall("poll", pollfd, 1, timeoutMs < 0 ? null : timespec, null, 0) > 0;
}

/** Whether a process 1 is the machine's and not a container's: the first pid namespace has a number of its own (PROC_PID_INIT_INO). */
export function isFirstOfMachine(): boolean {
	try {
		return readLinkAt(AT_FDCWD, "/proc/1/ns/pid").toString() === "pid:[4026531836]";
	} catch {
		return false;
	}
}

/** umask(2) and geteuid(2): Node's functions of these names take 0.05 ms to be made. */
export const setUmask = (mask: number): void => void trySyscall("umask", mask);
export const effectiveUser = (): number => trySyscall("geteuid");
