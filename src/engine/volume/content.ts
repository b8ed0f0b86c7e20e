/** A volume's files as a whole: out of it as an archive, into a new one from an archive or from another volume. */
import { EngineError } from "../../errors.ts";
import { writeChangeset } from "../../image/layer/diff.ts";
import { unpackStream } from "../../image/layer/unpack-stream.ts";
import { stagingPath, sweepAbandoned } from "../../store/staging.ts";
import { ensureVolume, getVolume, type Volume, volumeIsLive } from "../../store/volumes.ts";
import { copyTree } from "../../sys/copy-tree.ts";
import { openDir } from "../../sys/file.ts";
import { existsSync, mkdirSync, readdirSync, renameSync } from "../../sys/fs.ts";
import { nodeFs } from "../../sys/node.ts";
import { statFd } from "../../sys/stat.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { checkVolumeName } from "./create.ts";
import { isFileSystem, mountFileSystem, unmountFileSystem } from "./file-system.ts";
import { findVolume } from "./list.ts";
import { placeOf, volumeLock } from "./lock.ts";
import { volumeSource } from "./mounts.ts";

/** In the staging directory. */
const KIND = "volume";

/** Where a volume's files are, which are there until this is disposed of: one that is a file system is mounted so long. */
function opened(engine: Engine, volume: Volume): Disposable & { readonly path: string } {
	const path = volumeSource(engine, volume.name);
	if (!isFileSystem(volume.options)) {
		using _lock = volumeLock(engine, volume.name);
		if (!volume.options["device"]) mkdirSync(path, { recursive: true, mode: 0o755 });
		if (!existsSync(path))
			throw new EngineError("not-found", `volume ${volume.name}: ${path}: no such file or directory`);
		return { path, [Symbol.dispose]: () => {} };
	}
	using _lock = volumeLock(engine, volume.name);
	mountFileSystem(engine, volume);
	const release = () => {
		using _lock = volumeLock(engine, volume.name);
		if (!volumeIsLive(engine.db, volume.name, "")) unmountFileSystem(engine, volume);
	};
	return { path, [Symbol.dispose]: release };
}

/** Feeds an archive of the volume (pax(1), with owners, attributes and holes) to `sink`; a chunk is good only during the call. */
export function exportVolume(engine: Engine, name: string, sink: (chunk: Uint8Array) => void): void {
	using place = opened(engine, findVolume(engine, name));
	writeChangeset(place.path, sink, { isPlain: true });
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
		await unpackStream(archive, aside);
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
		using place = opened(engine, volume);
		mkdirSync(aside, { mode: 0o755 });
		using root = openDir(place.path);
		copyTree(root.number, aside);
		const { mode, uid, gid } = statFd(root.number);
		nodeFs().chownSync(aside, uid, gid);
		nodeFs().chmodSync(aside, mode & 0o7777);
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
			"unsupported",
			`volume ${name} is another place's name (${volume.options["device"]}): name a new volume`,
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
	engine.transaction(() =>
		ensureVolume(engine.db, { name, created: Date.now(), anonymous: false, labels, options: {} }),
	);
	renameSync(directory, engine.paths.volume(name));
}
