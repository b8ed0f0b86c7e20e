/** `volume rename`: docker has none; a volume that no container has may be called otherwise. */
import { EngineError } from "../../errors.ts";
import { getVolume, renameVolumeRecord, usersOf } from "../../store/volumes.ts";
import { errnoText } from "../../sys/errno.ts";
import { existsSync, mkdirSync, tryRename, writeFileSync } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";
import { checkVolumeName } from "./create.ts";
import { isFileSystem, unmountFileSystem } from "./file-system.ts";
import { findVolume } from "./list.ts";
import { finishRename, haveOneLock, noteFrom, noteText, noteTo, placeOf, volumeLock } from "./lock.ts";

/** Throws EngineError where a container has it, or the name is another's. */
export function renameVolume(engine: Engine, from: string, to: string): void {
	checkVolumeName(to);
	if (from === to) throw new EngineError("invalid", `rename ${from}: that is its name`);
	const [first, second] = [from, to].toSorted() as [string, string]; // in one order: nobody waits for one who waits for him
	using _first = volumeLock(engine, first);
	using _second = haveOneLock(first, second) ? undefined : volumeLock(engine, second);
	const volume = findVolume(engine, from);
	if (getVolume(engine.db, to)) throw new EngineError("conflict", `rename ${from}: volume ${to} already exists`);
	if (isFileSystem(volume.options) && !unmountFileSystem(engine, volume)) {
		throw new EngineError(
			"conflict",
			`rename ${from}: ${engine.paths.volume(from)} is busy: a program of the host is in it`,
		);
	}
	const { created } = volume;
	try {
		// First where somebody will come again, who takes away what we leave at the other.
		mkdirSync(placeOf(engine, from), { recursive: true, mode: 0o755 });
		writeFileSync(noteTo(engine, from), noteText(to, created), { mode: 0o600 });
		mkdirSync(placeOf(engine, to), { recursive: true, mode: 0o755 });
		writeFileSync(noteFrom(engine, to), noteText(from, created), { mode: 0o600 });
		engine.transaction(() => {
			const users = usersOf(engine.db, from);
			if (users.length) throw new EngineError("conflict", `rename ${from}: volume is in use - [${users.join(", ")}]`);
			// What cannot be moved, as a disk that is mounted there, keeps its name.
			if (existsSync(engine.paths.volume(from))) move(engine.paths.volume(from), engine.paths.volume(to));
			renameVolumeRecord(engine.db, from, to);
		});
	} finally {
		finishRename(engine, from, to, created);
	}
}

function move(from: string, to: string): void {
	const result = tryRename(from, to);
	if (result === 0) return;
	throw new EngineError("conflict", `${from} cannot be renamed: ${errnoText(-result)}`);
}
