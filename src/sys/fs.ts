/**
 * What node:fs does, for the files that every command reads and writes: loading node:fs takes 0.9 ms, which is a tenth of
 * an `exec`. The names are its names, and they do what theirs do with these arguments; errors are SyscallErrors, whose
 * `code` is the same. Code that no quick command runs uses node:fs itself.
 */
import { EEXIST, ENOENT, SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import {
	AT_FDCWD,
	AT_REMOVEDIR,
	O_CLOEXEC,
	O_CREAT,
	O_DIRECTORY,
	O_RDONLY,
	O_WRONLY,
	openat2,
	tryOpenat2,
	writeAll,
} from "./file.ts";
import { S_IFDIR, tryStat, typeOf } from "./stat.ts";
import { fromLatin1, fromUtf8, nameText, utf8 } from "./text.ts";

const O_TRUNC = 0o1000;
const F_OK = 0;

export const existsSync = (path: string): boolean => trySyscall("faccessat", AT_FDCWD, path, F_OK) === 0;

export function readFileSync(path: string): Uint8Array;
export function readFileSync(path: string, encoding: "utf8" | "latin1"): string;
export function readFileSync(path: string, encoding?: "utf8" | "latin1"): Uint8Array | string {
	using file = openat2(AT_FDCWD, path, O_RDONLY);
	const bytes = readAll(file.number, path);
	if (encoding === "utf8") return fromUtf8(bytes);
	return encoding === "latin1" ? fromLatin1(bytes) : bytes;
}

/** ASCII text of a file; undefined where it is not, or cannot be read. Where that is usual, an exception is dear. */
export function textIfThere(path: string): string | undefined {
	const fd = tryOpenat2(AT_FDCWD, path, O_RDONLY, 0, 0);
	if (fd < 0) return undefined;
	using file = new Fd(fd);
	let text = "";
	const buffer = new Uint8Array(FIRST_READ);
	for (;;) {
		const n = trySyscall("read", file.number, buffer, buffer.length);
		if (n < 0) return undefined;
		if (n === 0) return text;
		text += fromLatin1(buffer.subarray(0, n));
	}
}

const FIRST_READ = 4096;

/** Files of /proc tell no size: they are read until there is no more. */
function readAll(fd: number, path: string): Uint8Array {
	let buffer = new Uint8Array(FIRST_READ);
	for (let length = 0; ; ) {
		const n = syscall("read", path, fd, length ? buffer.subarray(length) : buffer, buffer.length - length);
		if (n === 0) return buffer.subarray(0, length);
		length += n;
		if (length < buffer.length) continue;
		const larger = new Uint8Array(4 * buffer.length);
		larger.set(buffer);
		buffer = larger;
	}
}

export interface WriteOptions {
	/** Of a file that is new, less the umask. */
	readonly mode?: number;
	/** Writes to what is there, and makes nothing: control files of the kernel. */
	readonly existing?: boolean;
}

export function writeFileSync(path: string, data: string | Uint8Array, options: WriteOptions = {}): void {
	const flags = O_WRONLY | O_CLOEXEC | (options.existing ? 0 : O_CREAT | O_TRUNC);
	using file = openat2(AT_FDCWD, path, flags, options.existing ? 0 : (options.mode ?? 0o666));
	writeAll(file.number, typeof data === "string" ? utf8(data) : data, path);
}

/** Makes a directory and, `recursive`, those above it; undefined when it was there, else the first that was made. */
export function mkdirSync(
	path: string,
	{ mode, recursive = false }: { readonly mode: number; readonly recursive?: boolean },
): string | undefined {
	const result = trySyscall("mkdirat", AT_FDCWD, path, mode);
	if (result === 0) return path;
	if (recursive && result === -EEXIST && isDirectory(path)) return undefined;
	let end = path.length;
	while (path[end - 1] === "/") end--;
	const slash = path.lastIndexOf("/", end - 1);
	if (!recursive || result !== -ENOENT || slash <= 0) throw new SyscallError("mkdirat", path, -result);
	const first = mkdirSync(path.slice(0, slash), { mode, recursive });
	return mkdirSync(path, { mode, recursive }) && (first ?? path);
}

const isDirectory = (path: string): boolean => {
	const stat = tryStat(path);
	return stat !== undefined && typeOf(stat.mode) === S_IFDIR;
};

/** Removes an empty directory; -errno where that fails. */
export const tryRmdir = (path: string): number => trySyscall("unlinkat", AT_FDCWD, path, AT_REMOVEDIR);
export const unlinkSync = (path: string): void => void syscall("unlinkat", path, AT_FDCWD, path, 0);
export const renameSync = (from: string, to: string): void =>
	void syscall("renameat2", from, AT_FDCWD, from, AT_FDCWD, to, 0);

/** -errno where it fails. */
export const tryRename = (from: string, to: string): number => trySyscall("renameat2", AT_FDCWD, from, AT_FDCWD, to, 0);

/** Removes a file; that it is not there is fine. */
export function rmSync(path: string, _: { readonly force: true }): void {
	const result = trySyscall("unlinkat", AT_FDCWD, path, 0);
	if (result < 0 && result !== -ENOENT) throw new SyscallError("unlinkat", path, -result);
}

/** Names in a directory, in no order. */
export const readdirSync = (path: string): string[] => entriesOf(path).map(({ name }) => nameText(name));

/** Names of the directories in a directory. */
export const directoriesIn = (path: string): string[] =>
	entriesOf(path)
		.filter(({ type }) => type === DT_DIR)
		.map(({ name }) => nameText(name));

const DT_DIR = 4;

interface Entry {
	/** Ended by a NUL: system calls take it as it is. */
	readonly name: Uint8Array;
	/** DT_… of dirent.h; 0 where the file system does not tell. */
	readonly type: number;
}

function entriesOf(path: string): Entry[] {
	using dir = openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	return readEntries(dir.number, path);
}

const SEEK_SET = 0;

/** Names in an open directory, from its beginning, each ended by a NUL, in no order. */
export function namesIn(dir: number): Uint8Array[] {
	syscall("lseek", "directory", dir, 0, SEEK_SET);
	return readEntries(dir, "directory").map(({ name }) => name);
}

const DIRECTORY_BYTES = 32 * 1024;
/** Where the name begins in struct linux_dirent64 { u64 ino; s64 off; u16 reclen; u8 type; char name[]; }. */
const NAME_AT = 19;
const DOT = 0x2e;
/** One for all: what is read is copied out of it at once. */
let entryBuffer: Uint8Array | undefined;

/** getdents64(2) */
function readEntries(dir: number, path: string): Entry[] {
	entryBuffer ??= new Uint8Array(DIRECTORY_BYTES);
	const buffer = entryBuffer;
	const entries: Entry[] = [];
	for (;;) {
		const n = trySyscall("getdents64", dir, buffer, buffer.length);
		if (n === -ENOENT) return entries; // it has been removed
		if (n < 0) throw new SyscallError("getdents64", path, -n);
		if (n === 0) return entries;
		for (let at = 0; at < n; ) {
			const start = at + NAME_AT;
			const name = buffer.slice(start, buffer.indexOf(0, start) + 1);
			const dots = name[0] === DOT && (name.length === 2 || (name.length === 3 && name[1] === DOT));
			if (!dots) entries.push({ name, type: buffer[at + 18] ?? 0 });
			at += (buffer[at + 16] ?? 0) + 256 * (buffer[at + 17] ?? 0);
		}
	}
}

/** The numbers in a small file, as those that note a process have them; none where there is no such file. */
export function numbersIn(path: string): number[] {
	try {
		return readFileSync(path, "latin1").trim().split(" ").map(Number);
	} catch {
		return [];
	}
}
