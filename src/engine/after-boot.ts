/**
 * What the first command after a boot does: the run directory is new, so nothing of what the records call running can
 * run, whatever the numbers of processes say now; and the machine may have gone down by a power cut, in the middle of
 * anything. Layers and blobs that a record names were on the disk before it was written (image/record.ts); the others
 * may be anything, and go.
 */

import { EngineError, messageOf } from "../errors.ts";
import { wantedBlobs } from "../image/record/sweep.ts";
import { debug } from "../log.ts";
import type { Paths } from "../paths.ts";
import { ensureRoot, ensureRun } from "../store/blobs.ts";
import { forgetUncertainResults } from "../store/build-cache.ts";
import { NEVER } from "../store/container-record.ts";
import { type Db, openDatabase, transaction } from "../store/database.ts";
import { isDamage } from "../store/database-fault.ts";
import { layersInUse } from "../store/images.ts";
import { lockFile } from "../sys/file.ts";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "../sys/fs.ts";
import { removeTree } from "../sys/tree.ts";

/** `isComplete` is asked again with the lock held: another command may have done it all meanwhile. */
export function settleAfterBoot(paths: Paths, isComplete: () => boolean): void {
	ensureRoot(paths);
	using _lock = lockFile(`${paths.root}/boot.lock`);
	if (isComplete()) return;
	mkdirSync(paths.run, { recursive: true, mode: 0o700 }); // the database's lock lies there
	// Not a new boot, but a run directory that was removed: nothing has ended.
	if (isOfLastBoot(paths)) trySettle(paths);
	ensureRun(paths);
}

const bootId = (): string | undefined => read("/proc/sys/kernel/random/boot_id");

/** Whether what the records tell of processes has not been settled in this boot. */
export function isOfLastBoot(paths: Paths): boolean {
	const boot = bootId();
	return boot !== undefined && read(`${paths.root}/boot`) !== boot;
}

/** To be called once the records are settled, and what they name is on the disk. */
export const noteBoot = (paths: Paths): void => writeFileSync(`${paths.root}/boot`, bootId() ?? "");

/** What the records say of processes, and of results that were not yet on the disk, is of a boot that is over. */
export function settleRecords(db: Db): void {
	endClaims(db);
	forgetUncertainResults(db);
}

/** The kernel's name for a boot (random(4)), and the one that was settled last. */
function read(path: string): string | undefined {
	try {
		return readFileSync(path, "latin1").trim();
	} catch {
		return undefined;
	}
}

/** Where the records are lost there is nothing to settle; whoever asks for them is told. */
function trySettle(paths: Paths): void {
	try {
		settle(paths);
	} catch (error) {
		if (!(error instanceof EngineError) && !isDamage(error)) throw error;
		debug("boot", () => messageOf(error));
	}
}

function settle(paths: Paths): void {
	const db = openDatabase(paths);
	try {
		transaction(db, paths, () => settleRecords(db));
		sweep(db, paths);
	} finally {
		db.close();
	}
	noteBoot(paths);
}

/** Whoever asks whether one of them lives (settle/reconcile.ts) hears no. */
function endClaims(db: Db): void {
	for (const process of ["init", "monitor"]) {
		db.query(
			`UPDATE containers SET state = json_set(state, '$.${process}.startTime', ${NEVER})
			WHERE json_type(state, '$.${process}') = 'object'`,
		).run();
	}
	db.query(`UPDATE build_steps SET start_time = ${NEVER}`).run();
}

/**
 * Nobody else is at work yet. Directories of containers that no record names are left: a record comes before its directory
 * and goes after it, so those are what is left of a database that was lost, and hold what users made.
 */
function sweep(db: Db, paths: Paths): void {
	const keep = (directory: string, wanted: ReadonlySet<string>) => {
		for (const name of readdirSync(directory)) if (!wanted.has(name)) removeTree(`${directory}/${name}`);
	};
	const hex = (digest: string): string => digest.slice("sha256:".length);
	keep(paths.staging, new Set(readdirSync(paths.staging).filter((name) => name.endsWith(".partial"))));
	keep(paths.layers, new Set([...layersInUse(db)].map(hex)));
	const blobs = wantedBlobs(db, paths);
	if (blobs) keep(paths.blobs, new Set([...blobs].map(hex)));
}
