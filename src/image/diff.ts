/**
 * An overlay upperdir → a changeset (image-spec layer.md) as a tar stream: overlay's marks become whiteouts. The reverse
 * of src/image/unpack.ts. The same directory always gives the same bytes, whenever it is asked: a layer's DiffID is the
 * digest of them, and no copy has to be kept.
 */
import { readdirSync } from "node:fs";
import { trySyscall } from "../sys/errno.ts";
import { AT_SYMLINK_NOFOLLOW, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat2, openDir, readLinkAt } from "../sys/file.ts";
import {
	type FileStat,
	S_IFBLK,
	S_IFCHR,
	S_IFDIR,
	S_IFIFO,
	S_IFLNK,
	S_IFREG,
	setTimes,
	statAt,
	typeOf,
} from "../sys/stat.ts";
import { listXattrs, removeXattr } from "../sys/xattr.ts";
import type { EntryType } from "./tar-header.ts";
import { encodeHeader, endOfArchive, type OutEntry, padding } from "./tar-writer.ts";

const OVERLAY = "trusted.overlay.";
const OPAQUE = `${OVERLAY}opaque`;
const CHUNK = 1024 * 1024;

export interface DiffOptions {
	/** Times later than this become it: SOURCE_DATE_EPOCH, in seconds. Files are changed to match. */
	readonly clampTo?: number;
	/**
	 * Only files have a time: to compare two unpackings of an archive, which need not say when a directory that it takes
	 * for granted was made.
	 */
	readonly timesOfFilesOnly?: boolean;
}

export interface DiffSummary {
	/** Bytes of the files. */
	size: number;
	entries: number;
}

/**
 * Feeds the archive of `directory` to `sink`. The chunk is good only during the call. The directory is a layer of ours:
 * overlay's bookkeeping besides opaque marks is taken off it on the way.
 */
export function writeChangeset(
	directory: string,
	sink: (chunk: Uint8Array) => void,
	options: DiffOptions = {},
): DiffSummary {
	using root = openDir(directory);
	const walk = new Walk(sink, options);
	walk.directory(root.number, Buffer.alloc(0));
	sink(endOfArchive());
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
	readonly #sink: (chunk: Uint8Array) => void;
	readonly #options: DiffOptions;
	/** First names of files that have several. */
	readonly #linked = new Map<string, Buffer>();
	readonly #buffer = Buffer.allocUnsafe(CHUNK);
	readonly summary: DiffSummary = { size: 0, entries: 0 };

	constructor(sink: (chunk: Uint8Array) => void, options: DiffOptions) {
		this.#sink = sink;
		this.#options = options;
	}

	directory(dir: number, prefix: Buffer): void {
		const entries = readdirSync(`/proc/self/fd/${dir}`, { encoding: "buffer" }).sort(Buffer.compare);
		for (const entry of entries) this.#entry(dir, prefix, entry);
	}

	#entry(dir: number, prefix: Buffer, name: Buffer): void {
		const terminated = Buffer.concat([name, Buffer.of(0)]);
		const stat = statAt(dir, terminated);
		const type = NODE_TYPES[typeOf(stat.mode)];
		if (type === undefined) return; // a socket: tar has none, and it means nothing without its listener
		if (type === "char" && stat.major === 0 && stat.minor === 0) {
			this.#emit(this.#whiteout(Buffer.concat([prefix, Buffer.from(".wh."), name]), stat));
			return;
		}
		const path = Buffer.concat([prefix, name]);
		const xattrs = this.#xattrs(dir, terminated);
		const mtime = this.#mtime(dir, terminated, stat);
		const first = stat.links > 1 && type !== "directory" ? this.#linked.get(stat.inode) : undefined;
		const linkpath = first ?? (type === "symlink" ? readLinkAt(dir, terminated) : Buffer.alloc(0));
		const entry: OutEntry = {
			path: type === "directory" ? Buffer.concat([path, Buffer.from("/")]) : path,
			type: first ? "link" : type,
			mode: stat.mode & 0o7777,
			uid: stat.uid,
			gid: stat.gid,
			size: type === "file" && !first ? stat.size : 0,
			mtime,
			linkpath,
			devMajor: type === "char" || type === "block" ? stat.major : 0,
			devMinor: type === "char" || type === "block" ? stat.minor : 0,
			xattrs: first ? new Map() : xattrs.kept,
		};
		this.#emit(entry);
		if (stat.links > 1 && !first && type !== "directory") this.#linked.set(stat.inode, path);
		if (entry.type === "file") this.#content(dir, terminated, stat.size);
		if (type === "directory") {
			const below = Buffer.concat([path, Buffer.from("/")]);
			if (xattrs.opaque) this.#emit(this.#whiteout(Buffer.concat([below, Buffer.from(".wh..wh..opq")]), stat));
			using self = openat2(dir, terminated, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			this.directory(self.number, below);
		}
	}

	#emit(entry: OutEntry): void {
		this.summary.entries++;
		this.#sink(encodeHeader(entry));
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
			linkpath: Buffer.alloc(0),
			devMajor: 0,
			devMinor: 0,
			xattrs: new Map(),
		};
	}

	#xattrs(dir: number, name: Buffer): { kept: Map<string, Uint8Array>; opaque: boolean } {
		const kept = listXattrs(dir, name);
		const opaque = kept.get(OPAQUE)?.[0] === 0x79;
		for (const key of [...kept.keys()]) {
			if (!key.startsWith(OVERLAY)) continue;
			kept.delete(key);
			if (key !== OPAQUE) removeXattr(dir, name, key);
		}
		return { kept, opaque };
	}

	#mtime(dir: number, name: Buffer, stat: FileStat): number {
		const { clampTo, timesOfFilesOnly } = this.#options;
		if (timesOfFilesOnly && typeOf(stat.mode) === S_IFDIR) return 0;
		const own = stat.mtimeSeconds;
		if (clampTo === undefined || own <= clampTo) return own;
		setTimes(dir, name, BigInt(clampTo) * 1_000_000_000n, AT_SYMLINK_NOFOLLOW);
		return clampTo;
	}

	#content(dir: number, name: Buffer, size: number): void {
		using file = openat2(dir, name, O_RDONLY | O_NOFOLLOW);
		let left = size;
		while (left > 0) {
			const n = trySyscall("read", file.number, this.#buffer, Math.min(CHUNK, left));
			if (n <= 0) throw new Error(`${name.toString()} changed while it was read`);
			this.#sink(this.#buffer.subarray(0, n));
			this.summary.size += n;
			left -= n;
		}
		const rest = padding(size);
		if (rest.length) this.#sink(rest);
	}
}
