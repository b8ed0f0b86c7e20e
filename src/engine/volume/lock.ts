/**
 * Who fills, mounts, copies or renames a volume, and who takes it away, exclude each other. A volume's files are in
 * volumes/NAME/_data. To rename one changes its record and its place, which are two steps: between them a note in
 * both places tells where the files are to go, and whoever comes next to either does it (rename.ts).
 */
import { getVolume } from "../../store/volumes.ts";
import { lockByte } from "../../sys/file.ts";
import { existsSync, renameSync, rmSync, textIfThere, tryRmdir } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";

/** The byte that stands for a name; two names may have one. */
const byteOf = (name: string): bigint => Bun.hash(name) >> 1n;

export const haveOneLock = (a: string, b: string): boolean => byteOf(a) === byteOf(b);

export function volumeLock(engine: Engine, name: string): Disposable {
	const lock = lockByte(engine.paths.volumeLocks, byteOf(name));
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
	const from = readNote(noteFrom(engine, name));
	if (from) finishRename(engine, from.other, name, from.created);
	const to = readNote(noteTo(engine, name));
	if (to) finishRename(engine, name, to.other, to.created);
}

/** The other name, and when the volume was made: that tells it from one which has its name since. */
export const noteText = (other: string, created: number): string => `${other} ${created}`;

function readNote(path: string): { readonly other: string; readonly created: number } | undefined {
	const [other, created] = textIfThere(path)?.split(" ") ?? [];
	return other && created ? { other, created: Number(created) } : undefined;
}

/** The files go where the record is: to the new name, if that was given, or back. Repeatable. */
export function finishRename(engine: Engine, from: string, to: string, created: number): void {
	const isDone = getVolume(engine.db, to)?.created === created;
	const [source, target] = [from, to].map((name) => engine.paths.volume(name)) as [string, string];
	const [here, there] = isDone ? [source, target] : [target, source];
	if (existsSync(here) && !existsSync(there)) renameSync(here, there);
	rmSync(noteTo(engine, from), { force: true });
	rmSync(noteFrom(engine, to), { force: true });
	for (const name of [from, to]) if (!getVolume(engine.db, name)) tryRmdir(placeOf(engine, name));
}
