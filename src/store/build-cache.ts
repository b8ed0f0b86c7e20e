/** The tables of builds: results by cache key, cache mounts, steps that run, digests of files. */
import type { Db } from "./database.ts";

export interface BuildResult {
	readonly key: string;
	readonly diffId: string;
	/** The instruction. */
	readonly description: string;
	/** Milliseconds since 1970. */
	readonly created: number;
	readonly used: number;
}

interface Row {
	key: string;
	diff_id: string;
	description: string;
	created: number;
	used: number;
}

const decode = ({ diff_id, ...row }: Row): BuildResult => ({ ...row, diffId: diff_id });

/** What a step with this key has made before. */
export function findResult(db: Db, key: string): BuildResult | undefined {
	const row = db.query("SELECT * FROM build_results WHERE key = ?").get(key) as Row | null;
	return row ? decode(row) : undefined;
}

export function putResult(db: Db, result: Omit<BuildResult, "used">): void {
	const { key, diffId, description, created } = result;
	db.query(
		"INSERT OR REPLACE INTO build_results (key, diff_id, description, created, used) VALUES (?, ?, ?, ?, ?)",
	).run(key, diffId, description, created, Date.now());
}

/** Everything that is recorded so far, for markDurable(). */
export const lastResult = (db: Db): number =>
	(db.query("SELECT coalesce(max(rowid), 0) AS last FROM build_results").get() as { last: number }).last;

/** The layers of the results up to `last` are on the disk. */
export function markDurable(db: Db, last: number): void {
	db.query("UPDATE build_results SET durable = 1 WHERE durable = 0 AND rowid <= ?").run(last);
}

/** Forgets results whose layers may not have reached the disk before the machine went down. */
export function forgetUncertainResults(db: Db): void {
	db.query("DELETE FROM build_results WHERE durable = 0").run();
}

/** Results that are used stay longest when room is made. */
export function touchResults(db: Db, keys: readonly string[]): void {
	const query = db.query("UPDATE build_results SET used = ? WHERE key = ?");
	for (const key of keys) query.run(Date.now(), key);
}

/** Least recently used first. */
export function listResults(db: Db): BuildResult[] {
	return (db.query("SELECT * FROM build_results ORDER BY used, key").all() as Row[]).map(decode);
}

export function deleteResults(db: Db, diffId: string): void {
	db.query("DELETE FROM build_results WHERE diff_id = ?").run(diffId);
}

export interface CacheMount {
	/** Digest of the ID that the Dockerfile gives. */
	readonly id: string;
	readonly description: string;
	readonly created: number;
	readonly used: number;
}

export function useCacheMount(db: Db, id: string, description: string): void {
	const now = Date.now();
	db.query(
		"INSERT INTO build_mounts (id, description, created, used) VALUES (?1, ?2, ?3, ?3) ON CONFLICT (id) DO UPDATE SET used = ?3",
	).run(id, description, now);
}

export function listCacheMounts(db: Db): CacheMount[] {
	return db.query("SELECT * FROM build_mounts ORDER BY used, id").all() as CacheMount[];
}

export function deleteCacheMount(db: Db, id: string): void {
	db.query("DELETE FROM build_mounts WHERE id = ?").run(id);
}

export interface BuildStepRow {
	readonly id: string;
	/** The command that runs it. */
	readonly pid: number;
	readonly startTime: number;
	readonly cgroup: string;
}

export function insertStep(db: Db, step: BuildStepRow): void {
	db.query("INSERT INTO build_steps (id, pid, start_time, cgroup) VALUES (?, ?, ?, ?)").run(
		step.id,
		step.pid,
		step.startTime,
		step.cgroup,
	);
}

export function stepCgroup(db: Db, id: string): string | undefined {
	return (db.query("SELECT cgroup FROM build_steps WHERE id = ?").get(id) as { cgroup: string } | null)?.cgroup;
}

export function deleteStep(db: Db, id: string): void {
	db.query("DELETE FROM build_steps WHERE id = ?").run(id);
}

/** Digest of a file by what stat(2) said of it. */
export function findContentHash(db: Db, key: string): string | undefined {
	return (db.query("SELECT digest FROM content_hashes WHERE key = ?").get(key) as { digest: string } | null)?.digest;
}

const MAX_HASHES = 200_000;

export function putContentHashes(db: Db, entries: readonly (readonly [string, string])[]): void {
	const query = db.query("INSERT OR REPLACE INTO content_hashes (key, digest) VALUES (?, ?)");
	for (const [key, digest] of entries) query.run(key, digest);
	const { count } = db.query("SELECT count(*) AS count FROM content_hashes").get() as { count: number };
	if (count > MAX_HASHES) db.exec("DELETE FROM content_hashes"); // files that are gone are never asked for again
}
