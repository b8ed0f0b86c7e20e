/** `cp`: files between the host and a container, by docker's rules of what lands where. */
import { EngineError } from "../../errors.ts";
import { decompress } from "../../image/compression/decompress.ts";
import { writeTree } from "../../image/layer/tree-archive.ts";
import { LayerWriter } from "../../image/layer/unpack.ts";
import { TarReader } from "../../image/tar/reader.ts";
import { findContainer } from "../../store/containers.ts";
import { Fd } from "../../sys/fd.ts";
import { AT_FDCWD, O_NOFOLLOW, O_PATH, readLinkAt, tryOpenat2 } from "../../sys/file.ts";
import { nodePath } from "../../sys/node.ts";
import { S_IFDIR, S_IFLNK, statFd, typeOf } from "../../sys/stat.ts";
import type { Engine } from "../engine.ts";
import { ContainerTree } from "./container-tree.ts";

/** Where things are looked up: on the host or in a container. */
export interface Tree {
	/** With O_PATH; undefined: there is nothing. */
	readonly tryOpen: (path: string, follow: boolean) => Fd | undefined;
	/** Throws EngineError where nothing may be written. */
	readonly checkWritable: (path: string) => void;
	/** What is said where nothing is. */
	readonly missing: (path: string) => string;
}

export const HOST: Tree = {
	tryOpen: (path, follow) => {
		const fd = tryOpenat2(AT_FDCWD, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, 0);
		return fd < 0 ? undefined : new Fd(fd);
	},
	checkWritable: () => {},
	missing: (path) => `lstat ${path}: no such file or directory`,
};

/** A container's files, as a tree to copy from or to. Dispose of it when done. */
export function openTree(engine: Engine, nameOrId: string): Tree & Disposable {
	const tree = ContainerTree.open(engine, findContainer(engine.db, nameOrId).id);
	return {
		tryOpen: (path, follow) => tree.tryOpen(nodePath().resolve("/", path), follow),
		checkWritable: (path) => tree.checkWritable(nodePath().resolve("/", path)),
		missing: (path) => `Could not find the file ${path} in container ${nameOrId}`,
		[Symbol.dispose]: () => tree[Symbol.dispose](),
	};
}

export interface Source {
	/** Open with O_PATH. */
	readonly place: Fd;
	readonly isDirectory: boolean;
	/** Its last name; undefined: its content alone is meant ("dir/."). */
	readonly name: string | undefined;
}

/** What the path ends with that says it is a directory: "dir/", "dir/.". */
const saysDirectory = (path: string): boolean => /(^|\/)\.?$/.test(path);

/** Throws EngineError in docker's words. */
export function openSource(tree: Tree, path: string, followLink: boolean): Source {
	const place = tree.tryOpen(path, followLink || saysDirectory(path));
	if (!place) throw new EngineError("not-found", tree.missing(path));
	const isDirectory = typeOf(statFd(place.number).mode) === S_IFDIR;
	if (!isDirectory && saysDirectory(path)) {
		place[Symbol.dispose]();
		throw new EngineError("invalid", `${path}: not a directory`);
	}
	const name = /(^|\/)\.$/.test(path) ? undefined : nodePath().basename(nodePath().resolve("/", path));
	return { place, isDirectory, name: name === "" ? undefined : name };
}

export interface Target {
	/** The directory that is written to, open with O_PATH. */
	readonly directory: Fd;
	/** What the source is called there; "": its content goes into it. */
	readonly as: string;
}

/** docker's rules (`docker cp --help`, archive.PrepareArchiveCopy): throws EngineError for what fits nowhere. */
export function openTarget(tree: Tree, path: string, source: Pick<Source, "isDirectory" | "name">): Target {
	tree.checkWritable(path);
	const there = tree.tryOpen(path, true);
	const isDirectory = there && typeOf(statFd(there.number).mode) === S_IFDIR;
	if (there && isDirectory) return { directory: there, as: source.name ?? "" };
	there?.[Symbol.dispose]();
	if (there && source.isDirectory) throw new EngineError("invalid", "cannot copy directory");
	if (saysDirectory(path) && !source.isDirectory) {
		throw new EngineError("not-found", there ? `${path}: not a directory` : `no such directory`);
	}
	const clean = throughLinks(tree, path.replace(/(.)\/+\.?$/, "$1"));
	const parent = nodePath().dirname(clean);
	const directory = tree.tryOpen(parent, true);
	if (!directory || typeOf(statFd(directory.number).mode) !== S_IFDIR) {
		directory?.[Symbol.dispose]();
		throw new EngineError(
			"not-found",
			tree === HOST ? `invalid output path: directory "${parent}" does not exist` : tree.missing(parent),
		);
	}
	return { directory, as: nodePath().basename(clean) };
}

const MOST_LINKS = 40;

/** Where the last name of a path leads to, through links that may lead to nothing yet. */
function throughLinks(tree: Tree, path: string): string {
	let at = path;
	for (let count = 0; count < MOST_LINKS; count++) {
		using place = tree.tryOpen(at, false);
		if (!place || typeOf(statFd(place.number).mode) !== S_IFLNK) return at;
		at = nodePath().resolve(nodePath().dirname(at), readLinkAt(place.number, "").toString());
	}
	throw new EngineError("invalid", `${path}: too many levels of symbolic links`);
}

export interface CopyOptions {
	/** Owners as numbers, not root's. */
	readonly archive: boolean;
	/** Told the bytes of the archive so far. */
	readonly onProgress?: (bytes: number) => void;
}

/** Copies a source to its target. Returns the bytes of the files. */
export function copy(source: Source, target: Target, options: CopyOptions): number {
	using writer = writerOf(target, options);
	const reader = new TarReader(writer);
	let bytes = 0;
	const size = writeTree(source.place.number, target.as, (chunk) => {
		reader.push(chunk);
		bytes += chunk.length;
		options.onProgress?.(bytes);
	});
	reader.finish();
	writer.finish();
	return size;
}

/** The archive on standard input: into a directory that is there. Returns the bytes of the files. */
export async function copyArchive(
	archive: AsyncIterable<Uint8Array>,
	target: Target,
	options: CopyOptions,
): Promise<number> {
	using writer = writerOf(target, options);
	const reader = new TarReader(writer);
	let bytes = 0;
	await decompress(archive, Number.POSITIVE_INFINITY, (chunk) => {
		reader.push(chunk);
		bytes += chunk.length;
		options.onProgress?.(bytes);
	});
	reader.finish();
	writer.finish();
	return writer.size;
}

const writerOf = ({ directory }: Target, { archive }: CopyOptions): LayerWriter =>
	new LayerWriter(directory.number, {
		whiteouts: false,
		isMerge: true,
		...(archive ? {} : { owner: { uid: 0, gid: 0 } }),
	});
