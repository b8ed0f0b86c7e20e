/**
 * Who fills, mounts, copies or renames a volume, and who takes it away, exclude each other. A volume's files are in
 * volumes/NAME/_data. To rename one changes its record and its place, which are two steps: between them a note in
 * both places tells where the files are to go, and whoever comes next to either does it (rename.ts).
 */
import { getVolume } from "../../store/volumes.ts";
import { lockByte } from "../../sys/file.ts";
import { existsSync, renameSync, rmSync, textIfThere, tryRmdir } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";

export function volumeLock(engine: Engine, name: string): Disposable {
	const lock = lockByte(engine.paths.volumeLocks, Bun.hash(name) >> 1n);
	try {
		settleRename(engine, name);
	} catch (error) {
		lock[Symbol.dispose]();
		throw error;
	}
	return lock;
}

export const placeOf = (engine: Engine, name: string): string => `${engine.paths.volumes}/${name}`;
export const noteTo = (engine: Engine, name: string): string => `${placeOf(engine, name)}/.renamed-to`;
export const noteFrom = (engine: Engine, name: string): string => `${placeOf(engine, name)}/.renamed-from`;

function settleRename(engine: Engine, name: string): void {
	const from = textIfThere(noteFrom(engine, name));
	if (from !== undefined) finishRename(engine, from, name);
	const to = textIfThere(noteTo(engine, name));
	if (to !== undefined) finishRename(engine, name, to);
}

/** What the record says counts: under its old name the files stay, under the new one they follow it. Repeatable. */
export function finishRename(engine: Engine, from: string, to: string): void {
	if (!getVolume(engine.db, from) && getVolume(engine.db, to) && existsSync(engine.paths.volume(from))) {
		renameSync(engine.paths.volume(from), engine.paths.volume(to));
	}
	rmSync(noteTo(engine, from), { force: true });
	rmSync(noteFrom(engine, to), { force: true });
	if (!getVolume(engine.db, from)) tryRmdir(placeOf(engine, from));
	if (!getVolume(engine.db, to)) tryRmdir(placeOf(engine, to));
}
