/** The files of a built image without the image: as a directory, or as a tar archive. */
import { mkdirSync } from "node:fs";
import { NODE_TYPES } from "../../image/layer/diff.ts";
import type { EntryType } from "../../image/tar/header.ts";
import { encodeHeader, endOfArchive, type OutEntry, padding, plainEntry } from "../../image/tar/writer.ts";
import type { Paths } from "../../paths.ts";
import { trySyscall } from "../../sys/errno.ts";
import { openDir } from "../../sys/file.ts";
import { typeOf } from "../../sys/stat.ts";
import { Destination } from "../files/place.ts";
import type { Found } from "../files/tree.ts";
import { openLayers } from "../session/sources.ts";

export function exportDirectory(paths: Paths, layers: readonly string[], directory: string): void {
	mkdirSync(directory, { recursive: true });
	using source = openLayers(paths, layers);
	using root = openDir(directory);
	using destination = new Destination(root.number, { owner: undefined, chmod: undefined, keepsOwners: true });
	for (const found of source.tree.walk("", () => false))
		if (found.path !== "") destination.put(found, `/${found.path}`);
	destination.finish();
}

const CHUNK = 1024 * 1024;

/** Feeds a tar archive of the merged root to `sink`; a chunk is good only during the call. */
export function exportTar(paths: Paths, layers: readonly string[], sink: (chunk: Uint8Array) => void): void {
	using source = openLayers(paths, layers);
	const linked = new Map<string, string>();
	for (const found of source.tree.walk("", () => false)) {
		const type = NODE_TYPES[typeOf(found.stat.mode)];
		if (found.path === "" || type === undefined) continue;
		const first = found.stat.links > 1 && type !== "directory" ? linked.get(found.stat.inode) : undefined;
		if (found.stat.links > 1 && type !== "directory") linked.set(found.stat.inode, first ?? found.path);
		sink(encodeHeader(entryOf(found, type, first)));
		if (type === "file" && first === undefined) writeContent(found, sink);
	}
	sink(endOfArchive());
}

function entryOf({ path, stat, target, xattrs }: Found, type: EntryType, first: string | undefined): OutEntry {
	const kept = [...xattrs()].filter(([name]) => !name.startsWith("trusted.overlay."));
	return {
		...plainEntry(type === "directory" ? `${path}/` : path, type === "file" && first === undefined ? stat.size : 0),
		type: first === undefined ? type : "link",
		mode: stat.mode & 0o7777,
		uid: stat.uid,
		gid: stat.gid,
		mtime: Number(stat.mtime / 1_000_000_000n),
		linkpath: first !== undefined ? Buffer.from(first) : type === "symlink" ? target() : Buffer.alloc(0),
		devMajor: type === "char" || type === "block" ? stat.major : 0,
		devMinor: type === "char" || type === "block" ? stat.minor : 0,
		xattrs: new Map(first === undefined ? kept : []),
	};
}

function writeContent(found: Found, sink: (chunk: Uint8Array) => void): void {
	using file = found.open();
	const buffer = Buffer.allocUnsafe(CHUNK);
	for (let left = found.stat.size; left > 0; ) {
		const n = trySyscall("read", file.number, buffer, Math.min(CHUNK, left));
		if (n <= 0) throw new Error(`${found.path} changed while it was read`);
		sink(buffer.subarray(0, n));
		left -= n;
	}
	sink(padding(found.stat.size));
}
