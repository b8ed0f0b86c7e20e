/** statx(2): what a file is, with nanoseconds and real device numbers. */
import { ENOENT, ENOTDIR, SyscallError, syscall, trySyscall } from "./errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "./file.ts";
import { type Name, nameText } from "./text.ts";

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
	/** On the disk, of 512 bytes. */
	readonly blocks: number;
	/** Of the file system that it is on. */
	readonly device: string;
	/** Names it has. */
	readonly links: number;
	/** Device and number: the same for every name of one file. */
	readonly inode: string;
	/** The same as "<st_dev>:<st_ino>" of stat(2). */
	readonly id: string;
	readonly major: number;
	readonly minor: number;
	/** Whole seconds since 1970, rounded down. */
	readonly mtimeSeconds: number;
	readonly mtimeNs: number;
	/** Nanoseconds since 1970. */
	readonly mtime: bigint;
	readonly ctime: bigint;
}

const STATX_BASIC_STATS = 0x7ff;
const buffer = new DataView(new ArrayBuffer(256));
/** Of a name in a directory; the last link is not followed. `name` is text or NUL-terminated bytes. */
export function statAt(dir: number, name: Name): FileStat {
	syscall("statx", nameText(name), dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer);
	return decode();
}

/** The same; undefined if it is not there. */
export function tryStatAt(dir: number, name: Name): FileStat | undefined {
	const result = trySyscall("statx", dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer);
	if (result === -ENOENT || result === -ENOTDIR) return undefined;
	if (result < 0) throw new SyscallError("statx", nameText(name), -result);
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

/** Halves of the kernel's struct statx; nothing in it is out of line. */
const words = new Uint32Array(buffer.buffer);
const signed = new Int32Array(buffer.buffer);
const shorts = new Uint16Array(buffer.buffer);

/** Times are kept as numbers: most who ask for a stat ask for no time, and BigInts cost. */
class DecodedStat implements FileStat {
	readonly mode = shorts[0x1c / 2] ?? 0;
	readonly links = words[0x10 / 4] ?? 0;
	readonly uid = words[0x14 / 4] ?? 0;
	readonly gid = words[0x18 / 4] ?? 0;
	readonly size = wide(0x28);
	readonly major = words[0x80 / 4] ?? 0;
	readonly minor = words[0x84 / 4] ?? 0;
	readonly mtimeSeconds = wide(0x70);
	readonly mtimeNs = words[0x78 / 4] ?? 0;
	readonly #number = words[0x20 / 4] ?? 0;
	readonly #numberHigh = words[0x24 / 4] ?? 0;
	readonly #deviceMajor = words[0x88 / 4] ?? 0;
	readonly #deviceMinor = words[0x8c / 4] ?? 0;
	readonly #ctime = wide(0x60);
	readonly #ctimeNs = words[0x68 / 4] ?? 0;

	readonly blocks = wide(0x30);

	get device(): string {
		return `${this.#deviceMajor}:${this.#deviceMinor}`;
	}
	get inode(): string {
		return `${this.#deviceMajor}:${this.#deviceMinor}:${this.#numberHigh}:${this.#number}`;
	}
	get id(): string {
		const number = (BigInt(this.#numberHigh) << 32n) | BigInt(this.#number);
		return `${makedev(this.#deviceMajor, this.#deviceMinor) >>> 0}:${number}`;
	}
	get mtime(): bigint {
		return BigInt(this.mtimeSeconds) * 1_000_000_000n + BigInt(this.mtimeNs);
	}
	get ctime(): bigint {
		return BigInt(this.#ctime) * 1_000_000_000n + BigInt(this.#ctimeNs);
	}
}

/** A signed 64-bit number; exact up to 2^53. */
const wide = (at: number): number => (signed[at / 4 + 1] ?? 0) * 2 ** 32 + (words[at / 4] ?? 0);

const decode = (): FileStat => new DecodedStat();

export const typeOf = (mode: number): number => mode & S_IFMT;

/** glibc's makedev(3), as mknod(2) takes it. */
export const makedev = (major: number, minor: number): number =>
	(minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);

/** Two of struct timespec { s64 seconds; s64 nanoseconds; } as halves. */
const times = new Uint32Array(8);

/** utimensat(2): sets both times to nanoseconds since 1970. `name` null: of the open descriptor `dir` itself. */
export function setTimes(dir: number, name: Name | null, mtime: bigint, flags = 0): void {
	const seconds = mtime >= 0n ? mtime / 1_000_000_000n : (mtime - 999_999_999n) / 1_000_000_000n;
	setTime(dir, name, { mtimeSeconds: Number(seconds), mtimeNs: Number(mtime - seconds * 1_000_000_000n) }, flags);
}

/** The same with the time of another file, which takes no BigInt. */
export function setTime(
	dir: number,
	name: Name | null,
	{ mtimeSeconds, mtimeNs }: Pick<FileStat, "mtimeSeconds" | "mtimeNs">,
	flags = 0,
): void {
	times[0] = times[4] = mtimeSeconds;
	times[1] = times[5] = Math.floor(mtimeSeconds / 2 ** 32);
	times[2] = times[6] = mtimeNs;
	syscall("utimensat", nameText(name ?? ""), dir, name, times, flags);
}

/** f_bsize of statfs(2): the least that a file takes; undefined: it cannot be asked. */
export function blockSize(path: string): number | undefined {
	const result = new BigInt64Array(16);
	return trySyscall("statfs", path, result) < 0 ? undefined : Number(result[1]);
}

/** The magic number of the file system at a path (statfs(2), f_type); undefined if there is no such path. */
export function fileSystemType(path: string): number | undefined {
	const result = new BigInt64Array(16);
	return trySyscall("statfs", path, result) < 0 ? undefined : Number(result[0]);
}
