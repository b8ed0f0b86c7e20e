/** statx(2): what a file is, with nanoseconds and real device numbers. */
import { ENOENT, ENOTDIR, SyscallError, syscall, trySyscall } from "./errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "./file.ts";

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;

export interface FileStat {
	/** Type and permission bits. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly size: number;
	/** Names it has. */
	readonly links: number;
	/** Device and number: the same for every name of one file. */
	readonly inode: string;
	readonly major: number;
	readonly minor: number;
	/** Whole seconds since 1970, rounded down. */
	readonly mtimeSeconds: number;
	/** Nanoseconds since 1970. */
	readonly mtime: bigint;
	readonly ctime: bigint;
}

const STATX_BASIC_STATS = 0x7ff;
const buffer = new DataView(new ArrayBuffer(256));
/** Of a name in a directory; the last link is not followed. `name` is text or NUL-terminated bytes. */
export function statAt(dir: number, name: string | Buffer): FileStat {
	syscall("statx", String(name), dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer);
	return decode();
}

/** The same; undefined if it is not there. */
export function tryStatAt(dir: number, name: string | Buffer): FileStat | undefined {
	const result = trySyscall("statx", dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer);
	if (result === -ENOENT || result === -ENOTDIR) return undefined;
	if (result < 0) throw new SyscallError("statx", String(name), -result);
	return decode();
}

/** Of a path of the host, links followed; undefined if it is not there. */
export function tryStat(path: string): FileStat | undefined {
	const result = trySyscall("statx", AT_FDCWD, path, 0, STATX_BASIC_STATS, buffer);
	if (result === -ENOENT || result === -ENOTDIR) return undefined;
	if (result < 0) throw new SyscallError("statx", path, -result);
	return decode();
}

/** Of an open descriptor. */
export function statFd(fd: number): FileStat {
	syscall("statx", "", fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, buffer);
	return decode();
}

/** Seconds and nanoseconds as numbers: most who ask for a stat ask for no time, and BigInts cost. */
class DecodedStat implements FileStat {
	readonly mode = buffer.getUint16(0x1c, true);
	readonly links = buffer.getUint32(0x10, true);
	readonly uid = buffer.getUint32(0x14, true);
	readonly gid = buffer.getUint32(0x18, true);
	readonly size = wide(0x28);
	readonly major = buffer.getUint32(0x80, true);
	readonly minor = buffer.getUint32(0x84, true);
	readonly #number = wide(0x20);
	readonly #numberHigh = buffer.getUint32(0x24, true);
	readonly #device = buffer.getUint32(0x88, true) * 2 ** 20 + buffer.getUint32(0x8c, true);
	readonly #ctime = wide(0x60);
	readonly #ctimeNs = buffer.getUint32(0x68, true);
	readonly #mtime = wide(0x70);
	readonly #mtimeNs = buffer.getUint32(0x78, true);

	get inode(): string {
		return `${this.#device}:${this.#numberHigh}:${this.#number}`;
	}
	get mtimeSeconds(): number {
		return this.#mtime;
	}
	get mtime(): bigint {
		return BigInt(this.#mtime) * 1_000_000_000n + BigInt(this.#mtimeNs);
	}
	get ctime(): bigint {
		return BigInt(this.#ctime) * 1_000_000_000n + BigInt(this.#ctimeNs);
	}
}

/** A signed 64-bit number; exact up to 2^53. */
const wide = (at: number): number => buffer.getInt32(at + 4, true) * 2 ** 32 + buffer.getUint32(at, true);

const decode = (): FileStat => new DecodedStat();

export const typeOf = (mode: number): number => mode & S_IFMT;

/** glibc's makedev(3), as mknod(2) takes it. */
export const makedev = (major: number, minor: number): number =>
	(minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);

const times = new BigInt64Array(4);

/** utimensat(2): sets both times. `name` null: of the open descriptor `dir` itself. */
export function setTimes(dir: number, name: string | Buffer | null, mtime: bigint, flags = 0): void {
	const seconds = mtime >= 0n ? mtime / 1_000_000_000n : (mtime - 999_999_999n) / 1_000_000_000n;
	times[0] = times[2] = seconds;
	times[1] = times[3] = mtime - seconds * 1_000_000_000n;
	syscall("utimensat", String(name ?? ""), dir, name, times, flags);
}

/** The magic number of the file system at a path (statfs(2), f_type); undefined if there is no such path. */
export function fileSystemType(path: string): number | undefined {
	const result = new BigInt64Array(16);
	return trySyscall("statfs", path, result) < 0 ? undefined : Number(result[0]);
}
