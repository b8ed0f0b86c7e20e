/** Copies a directory tree with owners, modes, times, attributes and hard links, by descriptors. */
import { EOPNOTSUPP, SyscallError, syscall, trySyscall } from "./errno.ts";
import {
	AT_SYMLINK_NOFOLLOW,
	ensureDirAt,
	O_CREAT,
	O_DIRECTORY,
	O_EXCL,
	O_NOFOLLOW,
	O_RDONLY,
	O_WRONLY,
	openat2,
	openDir,
	openRegular,
} from "./file.ts";
import { namesIn } from "./fs.ts";
import { dataOf } from "./holes.ts";
import { type FileStat, makedev, S_IFDIR, S_IFLNK, S_IFREG, setTime, statAt, typeOf } from "./stat.ts";
import { fromLatin1, nameText } from "./text.ts";
import { listXattrsOfOpen } from "./xattr.ts";

const COPY_CHUNK = 1 << 30;
const SEEK_SET = 0;

/** Copies everything in the directory `from` into the directory `to`. */
export function copyTree(from: number, to: string): void {
	using target = openDir(to);
	copyEntries(from, target.number, new Map(), target.number);
}

/** `linked` maps inodes with several names to the first copy's path beneath `top`. */
function copyEntries(from: number, to: number, linked: Map<string, string>, top: number, prefix = ""): void {
	for (const name of namesIn(from)) {
		const stat = statAt(from, name);
		const path = `${prefix}${fromLatin1(name.subarray(0, -1))}`;
		const kind = typeOf(stat.mode);
		if (kind === S_IFDIR) {
			ensureDirAt(to, name, 0o700);
			using source = openat2(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			using target = openat2(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			copyEntries(source.number, target.number, linked, top, `${path}/`);
			finish(source.number, target.number, stat);
			continue;
		}
		const first = stat.links > 1 ? linked.get(stat.inode) : undefined;
		if (first) {
			syscall("linkat", path, top, Buffer.from(`${first}\0`, "latin1"), to, name, 0);
			continue;
		}
		if (stat.links > 1) linked.set(stat.inode, path);
		if (kind === S_IFREG) copyFile(from, to, name, stat);
		else copyNode(from, to, name, stat, kind);
	}
}

function copyFile(from: number, to: number, name: Uint8Array, stat: FileStat): void {
	using source = openRegular(from, name);
	if (!source) return;
	using target = openat2(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
	copyWithHoles(source.number, target.number, stat.size);
	finish(source.number, target.number, stat);
}

/** The `size` bytes of one open file to another, from where both are. */
export function copyContent(source: number, target: number, size: number): void {
	for (let left = size; left > 0; ) {
		// The kernel copies, and shares blocks where the file system can (copy_file_range(2)).
		const n = trySyscall("copy_file_range", source, null, target, null, Math.min(left, COPY_CHUNK), 0);
		if (n === 0) return; // it has become shorter
		if (n < 0) {
			copyByHand(source, target, left);
			return;
		}
		left -= n;
	}
}

/** A whole file into an empty one, with its holes. */
function copyWithHoles(source: number, target: number, size: number): void {
	const pieces = dataOf(source, size);
	for (const [offset, length] of pieces) {
		syscall("lseek", "", source, offset, SEEK_SET);
		syscall("lseek", "", target, offset, SEEK_SET);
		copyContent(source, target, length);
	}
	const [offset = 0, length = 0] = pieces.at(-1) ?? [];
	if (offset + length < size) syscall("ftruncate", "", target, size);
}

/** One for all files: making it anew for each costs more than copying a small file. */
let shared: Uint8Array | undefined;

function copyByHand(source: number, target: number, size: number): void {
	shared ??= new Uint8Array(256 * 1024);
	const buffer = shared;
	for (let left = size; left > 0; ) {
		const n = syscall("read", "", source, buffer, Math.min(buffer.length, left));
		if (n === 0) return;
		left -= n;
		for (let at = 0; at < n; ) at += syscall("write", "", target, buffer.subarray(at), n - at);
	}
}

function copyNode(from: number, to: number, name: Uint8Array, stat: FileStat, kind: number): void {
	if (kind === S_IFLNK) {
		const target = new Uint8Array(4097);
		syscall("readlinkat", nameText(name), from, name, target, 4096);
		syscall("symlinkat", nameText(name), target, to, name);
	} else {
		syscall("mknodat", nameText(name), to, name, stat.mode, makedev(stat.major, stat.minor));
	}
	syscall("fchownat", nameText(name), to, name, stat.uid, stat.gid, AT_SYMLINK_NOFOLLOW);
	if (kind !== S_IFLNK) syscall("fchmodat", nameText(name), to, name, stat.mode & 0o7777);
	setTime(to, name, stat, AT_SYMLINK_NOFOLLOW);
}

/** Owner, mode, time and attributes of one open file for another. */
export function finish(source: number, target: number, stat: FileStat): void {
	syscall("fchown", "", target, stat.uid, stat.gid);
	syscall("fchmod", "", target, stat.mode & 0o7777);
	copyAttributes(source, target);
	setTime(target, null, stat);
}

/** Capabilities, access lists, what users noted; not what belongs to the place where it is: overlay's marks, labels. */
function copyAttributes(source: number, target: number): void {
	for (const [key, value] of listXattrsOfOpen(source)) {
		if (key.startsWith("trusted.overlay.") || key === "security.selinux") continue;
		const result = trySyscall("fsetxattr", target, key, value, value.length, 0);
		if (result < 0 && result !== -EOPNOTSUPP) throw new SyscallError("fsetxattr", key, -result);
	}
}
