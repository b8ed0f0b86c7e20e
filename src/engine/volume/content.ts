/** A volume's files as a whole: out of it as an archive, into a new one from an archive or from another volume. */
import { EngineError } from "../../errors.ts";
import { writeChangeset } from "../../image/layer/diff.ts";
import { unpackStream } from "../../image/layer/unpack-stream.ts";
import { stagingPath, sweepAbandoned } from "../../store/staging.ts";
import { deleteVolume, ensureVolume, getVolume, type Volume, volumeIsLive } from "../../store/volumes.ts";
import { copyTree, finish } from "../../sys/copy-tree.ts";
import { SyscallError } from "../../sys/errno.ts";
import type { Fd } from "../../sys/fd.ts";
import { openDir } from "../../sys/file.ts";
import { existsSync, mkdirSync, readdirSync, renameSync, tryRename } from "../../sys/fs.ts";
import { statFd } from "../../sys/stat.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { checkVolumeName } from "./create.ts";
import { isFileSystem, openFileSystem } from "./file-system.ts";
import { findVolume } from "./list.ts";
import { placeOf, volumeLock } from "./lock.ts";
import { volumeSource } from "./mounts.ts";

/** In the staging directory. */
const KIND = "volume";

/** The volume's root directory, open; of one that is a file system and that nobody has, a mount of our own that is attached nowhere. */
function opened(engine: Engine, volume: Volume): Fd {
	const path = volumeSource(engine, volume.name);
	using _lock = volumeLock(engine, volume.name);
	if (isFileSystem(volume.options)) return openFileSystem(engine, volume);
	if (!volume.options["device"]) mkdirSync(path, { recursive: true, mode: 0o755 });
	if (!existsSync(path))
		throw new EngineError("not-found", `volume ${volume.name}: ${path}: no such file or directory`);
	return openDir(path);
}

/** Feeds an archive of the volume (pax(1), with owners, attributes and holes) to `sink`; a chunk is good only during the call. */
export function exportVolume(engine: Engine, name: string, sink: (chunk: Uint8Array) => void): void {
	using root = opened(engine, findVolume(engine, name));
	writeChangeset(root.number, sink, { isPlain: true });
}

/**
 * Makes a volume of an archive, compressed or not; one that is there must be empty. Made aside: it has all of it, or
 * none.
 */
export async function importVolume(engine: Engine, name: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
	checkTarget(engine, name);
	const aside = stagingPath(engine.paths, KIND);
	try {
		mkdirSync(aside, { mode: 0o755 });
		await unpackStream(notEmpty(archive), aside);
		put(engine, name, aside, {});
	} finally {
		removeTree(aside);
		sweepAbandoned(engine.paths, KIND);
	}
}

/** Copies a volume to another, that is new or empty, with all that its files have; blocks are shared where the disk can. */
export function copyVolume(engine: Engine, from: string, to: string): void {
	const volume = findVolume(engine, from);
	if (from === to) throw new EngineError("invalid", `${from} cannot be copied to itself`);
	checkTarget(engine, to);
	const aside = stagingPath(engine.paths, KIND);
	try {
		using root = opened(engine, volume);
		mkdirSync(aside, { mode: 0o755 });
		copyWhole(root.number, aside);
		put(engine, to, aside, volume.labels);
	} finally {
		removeTree(aside);
		sweepAbandoned(engine.paths, KIND);
	}
}

function checkTarget(engine: Engine, name: string): void {
	checkVolumeName(name);
	const volume = getVolume(engine.db, name);
	if (!volume) return;
	if (volume.options["device"]) {
		throw new EngineError(
			"invalid",
			`volume ${name} has its files elsewhere (${volume.options["device"]}): name a new volume`,
		);
	}
	const path = engine.paths.volume(name);
	if (existsSync(path) && readdirSync(path).length > 0) {
		throw new EngineError("conflict", `volume ${name} is not empty: name a new volume`);
	}
}

/** Gives a directory to a volume, which it becomes. rename(2) replaces an empty directory, and no other. */
function put(engine: Engine, name: string, directory: string, labels: Volume["labels"]): void {
	using _lock = volumeLock(engine, name);
	checkTarget(engine, name);
	if (volumeIsLive(engine.db, name, "")) {
		throw new EngineError(
			"conflict",
			`volume ${name} is in use by a container that runs: it would not see what it gets`,
		);
	}
	mkdirSync(placeOf(engine, name), { recursive: true, mode: 0o755 });
	const isNew = !getVolume(engine.db, name);
	engine.transaction(() =>
		ensureVolume(engine.db, { name, created: Date.now(), anonymous: false, labels, options: {} }),
	);
	try {
		moveOrCopy(directory, engine.paths.volume(name), `${placeOf(engine, name)}/.filling`);
	} catch (error) {
		if (isNew) engine.transaction(() => deleteVolume(engine.db, name));
		throw error;
	}
}

const EXDEV = 18;

/** Volumes may be on a disk of their own: then what was made is copied there, beside its place. */
function moveOrCopy(directory: string, place: string, beside: string): void {
	const result = tryRename(directory, place);
	if (result === 0) return;
	if (result !== -EXDEV) throw new SyscallError("rename", place, -result);
	removeTree(beside);
	mkdirSync(beside, { mode: 0o755 });
	using root = openDir(directory);
	copyWhole(root.number, beside);
	renameSync(beside, place);
}

function copyWhole(root: number, directory: string): void {
	copyTree(root, directory);
	using target = openDir(directory);
	finish(root, target.number, statFd(root));
}

/** What a command before it in a pipe wrote nothing to is no archive, for an empty one has an end. */
async function* notEmpty(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
	let isEmpty = true;
	for await (const chunk of archive) {
		if (chunk.length > 0) isEmpty = false;
		yield chunk;
	}
	if (isEmpty) throw new EngineError("invalid", "there is nothing to import: no archive came");
}
