/**
 * An overlay upperdir → a changeset (image-spec layer.md) as a tar stream: overlay's marks become whiteouts. The reverse
 * of src/image/layer/unpack.ts. The same directory always gives the same bytes, whenever it is asked: a layer's DiffID is the
 * digest of them, and no copy has to be kept.
 */
import { ENOENT, SyscallError } from "../../sys/errno.ts";
import {
	AT_SYMLINK_NOFOLLOW,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_RDONLY,
	openat2,
	openDir,
	openRegular,
	readLinkAt,
} from "../../sys/file.ts";
import { namesIn } from "../../sys/fs.ts";
import {
	type FileStat,
	S_IFBLK,
	S_IFCHR,
	S_IFDIR,
	S_IFIFO,
	S_IFLNK,
	S_IFREG,
	setTime,
	statAt,
	statFd,
	typeOf,
} from "../../sys/stat.ts";
import { listXattrs, listXattrsOfOpen, removeXattr } from "../../sys/xattr.ts";
import type { EntryType } from "../tar/header.ts";
import { TarOutput } from "../tar/output.ts";
import { type OutEntry, plainEntry } from "../tar/writer.ts";

const OVERLAY = "trusted.overlay.";
const OPAQUE = `${OVERLAY}opaque`;

export interface DiffOptions {
	/** Times later than this become it: SOURCE_DATE_EPOCH, in seconds. Files are changed to match. */
	readonly clampTo?: number;
	/**
	 * Only files have a time: to compare two unpackings of an archive, which need not say when a directory that it takes
	 * for granted was made.
	 */
	readonly timesOfFilesOnly?: boolean;
	/** It is no layer, but a directory as it is: nothing in it is a mark, holes of files stay, and it has an entry itself. */
	readonly isPlain?: boolean;
	/** A container has it: nothing is taken off it. */
	readonly isLive?: boolean;
	/** Directories of which there is only their own entry. */
	readonly isLeftOut?: (dir: number) => boolean;
	/** What such a directory is called in the archive, where that is not "."; "": it has no entry itself. */
	readonly as?: string;
}

export interface DiffSummary {
	/** Bytes of the files. */
	size: number;
	entries: number;
}

/**
 * Feeds the archive of `directory`, a path or an open one, to `sink`. The chunk is good only during the call. The directory is a layer of ours:
 * overlay's bookkeeping besides opaque marks is taken off it on the way.
 */
export function writeChangeset(
	directory: string | number,
	sink: (chunk: Uint8Array) => void,
	options: DiffOptions = {},
): DiffSummary {
	using root = typeof directory === "string" ? openDir(directory) : openat2(directory, ".", O_RDONLY | O_DIRECTORY);
	const walk = new Walk(sink, options);
	const { isPlain, as = "." } = options;
	if (isPlain && as !== "") walk.root(root.number, `${as}/`);
	walk.directory(root.number, isPlain && as !== "" && as !== "." ? Buffer.from(`${as}/`) : NOTHING);
	walk.end();
	return walk.summary;
}

/** Type of an archive's entry by the type bits of a mode; sockets have none. */
export const NODE_TYPES: Readonly<Record<number, EntryType>> = {
	[S_IFREG]: "file",
	[S_IFDIR]: "directory",
	[S_IFLNK]: "symlink",
	[S_IFCHR]: "char",
	[S_IFBLK]: "block",
	[S_IFIFO]: "fifo",
};

class Walk {
	readonly #options: DiffOptions;
	/** First names of files that have several. */
	readonly #linked = new Map<string, Buffer>();
	readonly #output: TarOutput;
	readonly summary: DiffSummary = { size: 0, entries: 0 };

	constructor(sink: (chunk: Uint8Array) => void, options: DiffOptions) {
		this.#output = new TarOutput(sink);
		this.#options = options;
	}

	directory(dir: number, prefix: Buffer): void {
		for (const name of namesIn(dir).sort(Buffer.compare)) {
			try {
				this.#entry(dir, prefix, name);
			} catch (error) {
				// A program takes it away while we look.
				if (!this.#options.isPlain || !(error instanceof SyscallError) || error.errno !== ENOENT) throw error;
			}
		}
	}

	root(dir: number, path: string): void {
		const stat = statFd(dir);
		const xattrs = listXattrsOfOpen(dir);
		const owned = { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: stat.mtimeSeconds };
		this.#emit({ ...plainEntry(path, 0), ...owned, type: "directory", xattrs });
	}

	end(): void {
		this.#output.end();
	}

	/** `name` ends with a NUL. */
	#entry(dir: number, prefix: Buffer, name: Uint8Array): void {
		const stat = statAt(dir, name);
		const type = NODE_TYPES[typeOf(stat.mode)];
		if (type === undefined) return; // a socket: tar has none, and it means nothing without its listener
		const bare = name.subarray(0, -1);
		if (type === "char" && stat.major === 0 && stat.minor === 0 && !this.#options.isPlain) {
			this.#emit(this.#whiteout(Buffer.concat([prefix, WHITEOUT, bare]), stat));
			return;
		}
		const path = Buffer.concat([prefix, bare]);
		if (type === "file") {
			this.#file(dir, name, path, stat);
			return;
		}
		const directory = type === "directory";
		using self = directory ? openat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : undefined;
		const xattrs = this.#xattrs(self ? listXattrsOfOpen(self.number) : listXattrs(dir, name), dir, name);
		const first = stat.links > 1 && !directory ? this.#linked.get(stat.inode) : undefined;
		if (stat.links > 1 && !first && !directory) this.#linked.set(stat.inode, path);
		const below = directory ? Buffer.concat([path, SLASH]) : path;
		this.#emit({
			...this.#owned(dir, name, stat),
			path: below,
			type: first ? "link" : type,
			size: 0,
			linkpath: first ?? (type === "symlink" ? readLinkAt(dir, name) : NOTHING),
			devMajor: type === "char" || type === "block" ? stat.major : 0,
			devMinor: type === "char" || type === "block" ? stat.minor : 0,
			xattrs: first ? NO_XATTRS : xattrs.kept,
		});
		if (!self || this.#options.isLeftOut?.(self.number)) return;
		if (xattrs.opaque) this.#emit(this.#whiteout(Buffer.concat([below, OPAQUE_MARK]), stat));
		this.directory(self.number, below);
	}

	#file(dir: number, name: Uint8Array, path: Buffer, stat: FileStat): void {
		const first = stat.links > 1 ? this.#linked.get(stat.inode) : undefined;
		const entry = { ...this.#owned(dir, name, stat), path, devMajor: 0, devMinor: 0 };
		if (first) {
			this.#emit({ ...entry, type: "link", size: 0, linkpath: first, xattrs: NO_XATTRS });
			return;
		}
		if (stat.links > 1) this.#linked.set(stat.inode, path);
		using file = this.#options.isPlain ? openRegular(dir, name) : openat2(dir, name, O_RDONLY | O_NOFOLLOW);
		if (!file) return; // it was one a moment ago
		const { kept } = this.#xattrs(listXattrsOfOpen(file.number), dir, name);
		const whole = { ...entry, type: "file", size: stat.size, linkpath: NOTHING, xattrs: kept } as const;
		this.summary.entries++;
		this.summary.size += stat.size;
		if (this.#options.isPlain) this.#output.sparseFile(whole, file.number);
		else this.#output.file(whole, file.number);
	}

	#owned(dir: number, name: Uint8Array, stat: FileStat) {
		return { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: this.#mtime(dir, name, stat) };
	}

	#emit(entry: OutEntry): void {
		this.summary.entries++;
		this.#output.entry(entry);
	}

	#whiteout(path: Buffer, { mtimeSeconds }: FileStat): OutEntry {
		const { clampTo = Number.POSITIVE_INFINITY, timesOfFilesOnly } = this.#options;
		return {
			path,
			type: "file",
			mode: 0,
			uid: 0,
			gid: 0,
			size: 0,
			mtime: timesOfFilesOnly ? 0 : Math.min(mtimeSeconds, clampTo),
			linkpath: NOTHING,
			devMajor: 0,
			devMinor: 0,
			xattrs: NO_XATTRS,
		};
	}

	#xattrs(kept: Map<string, Uint8Array>, dir: number, name: Uint8Array) {
		if (kept.size === 0 || this.#options.isPlain) return { kept, opaque: false };
		const opaque = kept.get(OPAQUE)?.[0] === 0x79;
		for (const key of [...kept.keys()]) {
			if (!key.startsWith(OVERLAY)) continue;
			kept.delete(key);
			if (key !== OPAQUE && !this.#options.isLive) removeXattr(dir, name, key);
		}
		return { kept, opaque };
	}

	#mtime(dir: number, name: Uint8Array, stat: FileStat): number {
		const { clampTo, timesOfFilesOnly } = this.#options;
		if (timesOfFilesOnly && typeOf(stat.mode) === S_IFDIR) return 0;
		const own = stat.mtimeSeconds;
		if (clampTo === undefined || own <= clampTo) return own;
		setTime(dir, name, { mtimeSeconds: clampTo, mtimeNs: 0 }, AT_SYMLINK_NOFOLLOW);
		return clampTo;
	}
}

const WHITEOUT = Buffer.from(".wh.");
const OPAQUE_MARK = Buffer.from(".wh..wh..opq");
const SLASH = Buffer.from("/");
const NOTHING = Buffer.alloc(0);
const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();
