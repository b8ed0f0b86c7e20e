/** The tables of volumes and of the containers that use them. */
import * as v from "valibot";
import type { Db } from "./database.ts";

export interface Volume {
	readonly name: string;
	readonly created: number;
	readonly anonymous: boolean;
	readonly labels: Readonly<Record<string, string>>;
	/** Of the driver "local": type, device, o (docker's volume create --opt). */
	readonly options: Readonly<Record<string, string>>;
}

interface Row {
	name: string;
	created: number;
	anonymous: number;
	labels: string;
	options: string;
}

const StringMap = v.record(v.string(), v.string());
const mapOf = (json: string) => v.parse(StringMap, JSON.parse(json));

const decode = (row: Row): Volume => ({
	...row,
	anonymous: row.anonymous === 1,
	labels: mapOf(row.labels),
	options: mapOf(row.options),
});

export function getVolume(db: Db, name: string): Volume | undefined {
	const row = db.query("SELECT * FROM volumes WHERE name = ?").get(name) as Row | null;
	return row ? decode(row) : undefined;
}

/** By name. */
export const listVolumes = (db: Db): Volume[] =>
	(db.query("SELECT * FROM volumes ORDER BY name").all() as Row[]).map(decode);

/** Records a volume unless there is one of that name. */
export function ensureVolume(db: Db, volume: Volume): void {
	db.query("INSERT OR IGNORE INTO volumes (name, created, anonymous, labels, options) VALUES (?, ?, ?, ?, ?)").run(
		volume.name,
		volume.created,
		volume.anonymous ? 1 : 0,
		JSON.stringify(volume.labels),
		JSON.stringify(volume.options),
	);
}

export function useVolume(db: Db, volume: string, container: string): void {
	db.query("INSERT OR IGNORE INTO volume_uses (volume, container) VALUES (?, ?)").run(volume, container);
}

export function dropVolumeUse(db: Db, volume: string, container: string): void {
	db.query("DELETE FROM volume_uses WHERE volume = ? AND container = ?").run(volume, container);
}

/** Drops a container's uses. Returns its anonymous volumes that nobody uses now. */
export function releaseVolumes(db: Db, container: string): string[] {
	const used = db.query("DELETE FROM volume_uses WHERE container = ? RETURNING volume").all(container);
	return (used as { volume: string }[])
		.map((row) => row.volume)
		.filter((name) => getVolume(db, name)?.anonymous && !isUsed(db, name));
}

const isUsed = (db: Db, name: string): boolean => usersOf(db, name).length > 0;

/** IDs of the containers that have it, whether they run or not. */
export const usersOf = (db: Db, name: string): string[] =>
	(db.query("SELECT container FROM volume_uses WHERE volume = ?").all(name) as { container: string }[]).map(
		({ container }) => container,
	);

/** Whether a container other than this one runs with it, or is about to. */
export function volumeIsLive(db: Db, volume: string, exceptContainer: string): boolean {
	return (
		db
			.query(
				`SELECT 1 FROM volume_uses JOIN containers ON containers.id = volume_uses.container
				WHERE volume = ?1 AND container <> ?2 AND state->>'$.status' IN ('running', 'starting')`,
			)
			.get(volume, exceptContainer) !== null
	);
}

export function renameVolumeRecord(db: Db, from: string, to: string): void {
	db.query("UPDATE volumes SET name = ?2, anonymous = 0 WHERE name = ?1").run(from, to);
}

export function deleteVolume(db: Db, name: string): void {
	db.query("DELETE FROM volumes WHERE name = ?").run(name);
}
