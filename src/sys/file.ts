/**
 * Files by descriptor: what node:fs cannot say. Paths of images and containers are hostile; they are opened
 * beneath a directory with openat2(2) and RESOLVE_IN_ROOT, where ".." and absolute symlinks end at that directory.
 */
import { EACCES, EAGAIN, EEXIST, EINTR, EINVAL, ENOENT, SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { fromUtf8, type Name, nameText } from "./text.ts";

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = process.arch === "arm64" ? 0o40000 : 0o200000;
export const O_NOFOLLOW = process.arch === "arm64" ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;

/** struct open_how { u64 flags; u64 mode; u64 resolve; }: none of them needs the upper half. */
const how = new Uint32Array(6);

/** openat2(2); -errno on failure. */
export function tryOpenat2(dir: number, path: Name, flags: number, mode: number, resolve: number): number {
	how[0] = flags | O_CLOEXEC;
	how[2] = mode;
	how[4] = resolve;
	return trySyscall("openat2", dir, path, how, 24);
}

export function openat2(dir: number, path: Name, flags: number, mode = 0, resolve = 0): Fd {
	const fd = tryOpenat2(dir, path, flags, mode, resolve);
	if (fd < 0) throw new SyscallError("openat2", nameText(path), -fd);
	return new Fd(fd);
}

/** Opens `path` as a process whose root directory is `root` would. */
export function openInRoot(root: number, path: Name, flags: number, mode = 0): Fd {
	return openat2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/** Opens a directory of the host. */
export function openDir(path: string): Fd {
	return openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
}

/** Reads a whole small file beneath `root`; undefined when it is not there or not a regular file. */
export function readFileInRoot(root: number, path: string, limit: number): string | undefined {
	const found = tryOpenat2(root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (found < 0) return undefined;
	using place = new Fd(found);
	// Looked at before it is opened: opening a device acts on it.
	const stat = fstat(place.number);
	if ((stat.mode & S_IFMT) !== S_IFREG) return undefined;
	using file = openat2(AT_FDCWD, `/proc/self/fd/${place.number}`, O_RDONLY | O_NONBLOCK);
	const bytes = new Uint8Array(Math.min(stat.size || limit, limit));
	let length = 0;
	while (length < bytes.length) {
		const rest = length ? bytes.subarray(length) : bytes;
		const n = trySyscall("read", file.number, rest, rest.length);
		if (n <= 0) break;
		length += n;
	}
	return fromUtf8(bytes.subarray(0, length));
}

/** Makes a directory; that it exists already is fine. */
export function ensureDirAt(dir: number, name: Name, mode: number): void {
	const result = trySyscall("mkdirat", dir, name, mode);
	if (result < 0 && result !== -EEXIST) throw new SyscallError("mkdirat", nameText(name), -result);
}

/** Where a symbolic link points; undefined: it is no link, or not there. */
export function tryReadLinkAt(dir: number, name: Name): Buffer | undefined {
	try {
		return readLinkAt(dir, name);
	} catch (error) {
		if (error instanceof SyscallError && (error.errno === EINVAL || error.errno === ENOENT)) return undefined;
		throw error;
	}
}

/** Where a symbolic link points (readlinkat(2)). `name` is text or NUL-terminated bytes. */
export function readLinkAt(dir: number, name: Name): Buffer {
	const target = Buffer.alloc(4096);
	return target.subarray(0, syscall("readlinkat", nameText(name), dir, name, target, target.length));
}

/** Everything that an open file holds from where it stands. */
export function readWhole(fd: number): Buffer {
	const parts: Buffer[] = [];
	for (;;) {
		const part = Buffer.allocUnsafe(256 * 1024);
		const n = syscall("read", "", fd, part, part.length);
		if (n === 0) return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
		parts.push(part.subarray(0, n));
	}
}

/** Writes all of `bytes`; a pipe or a full disk may take less at a time. */
export function writeAll(fd: number, bytes: Uint8Array, path: string): void {
	for (let at = 0; at < bytes.length; ) {
		at += syscall("write", path, fd, at ? bytes.subarray(at) : bytes, bytes.length - at);
	}
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_SH = 1;

/**
 * Takes an advisory lock on a file (flock(2)), waiting for it: every command is a short process of its own. The lock
 * ends with the scope or the process, whichever comes first. The file stays: removing it would let two in.
 */
export function lockFile(path: string): Fd {
	const file = openat2(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600);
	while (trySyscall("flock", file.number, LOCK_EX) < 0);
	return file;
}

/** The same, sharing it with others who do. */
export function lockFileShared(path: string): Fd {
	const file = openat2(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600);
	while (trySyscall("flock", file.number, LOCK_SH) < 0);
	return file;
}

const F_OFD_SETLK = 37;
const F_OFD_SETLKW = 38;
const F_WRLCK = 1;

/**
 * Takes the lock on one byte of a file (fcntl(2), open file description locks), waiting for it. The byte need not be
 * there, so one empty file holds as many locks as there are numbers.
 */
export function lockByte(path: string, offset: bigint): Fd {
	const file = setByteLock(path, offset, F_OFD_SETLKW);
	if (!file) throw new SyscallError("fcntl", path, EAGAIN);
	return file;
}

/** The same without waiting: undefined when somebody else holds it. */
export const tryLockByte = (path: string, offset: bigint): Fd | undefined => setByteLock(path, offset, F_OFD_SETLK);

function setByteLock(path: string, offset: bigint, command: number): Fd | undefined {
	const file = openat2(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600);
	// struct flock { short type; short whence; off_t start; off_t len; pid_t pid; }
	const lock = new DataView(new ArrayBuffer(32));
	lock.setInt16(0, F_WRLCK, true);
	lock.setBigInt64(8, offset, true);
	lock.setBigInt64(16, 1n, true);
	let result: number;
	do result = trySyscall("fcntl", file.number, command, lock);
	while (result === -EINTR);
	if (result >= 0) return file;
	file[Symbol.dispose]();
	if (result === -EAGAIN || result === -EACCES) return undefined;
	throw new SyscallError("fcntl", path, -result);
}

/** The same as lockFile() without waiting: undefined when somebody else holds it. */
export function tryLockFile(path: string, shared = false): Fd | undefined {
	const fd = tryOpenat2(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600, 0);
	if (fd === -ENOENT) return undefined;
	if (fd < 0) throw new SyscallError("openat2", path, -fd);
	if (trySyscall("flock", fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		trySyscall("close", fd);
		return undefined;
	}
	return new Fd(fd);
}

/** What has been made is now only to be kept from others: readers may share the lock (flock(2) converts it). */
export function shareLock(file: Fd): void {
	trySyscall("flock", file.number, LOCK_SH);
}

/** Takes alone what is shared so far; false when others share it, and then it is shared still. */
export function tryOwnLock(file: Fd): boolean {
	if (trySyscall("flock", file.number, LOCK_EX | LOCK_NB) >= 0) return true;
	shareLock(file); // a conversion lets go first (flock(2))
	return false;
}

export interface Stat {
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Of a regular file; the kernel's own files say 0. */
	readonly size: number;
}

/**
 * A regular file, to be read; undefined: by now it is something else. Whoever else writes there may put a device or a pipe in its
 * place, which is not even opened: it is looked at as a mere place first.
 */
export function openRegular(dir: number, name: Name): Fd | undefined {
	using place = openat2(dir, name, O_PATH | O_NOFOLLOW);
	if ((fstat(place.number).mode & S_IFMT) !== S_IFREG) return undefined;
	return openat2(AT_FDCWD, `/proc/self/fd/${place.number}`, O_RDONLY);
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
export const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;

const statBuffer = new DataView(new ArrayBuffer(256));

/** statx(2) of an open descriptor: type and permissions, owner. */
export function fstat(fd: number): Stat {
	const STATX_BASIC_STATS = 0x7ff;
	syscall("statx", "", fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, statBuffer);
	return {
		mode: statBuffer.getUint16(0x1c, true),
		uid: statBuffer.getUint32(0x14, true),
		gid: statBuffer.getUint32(0x18, true),
		size: Number(statBuffer.getBigUint64(0x28, true)),
	};
}
