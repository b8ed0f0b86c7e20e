/** One database in the place of another. */
import { existsSync, linkSync, renameSync, rmSync, statSync } from "node:fs";

/**
 * The old file gets a second name before the new one takes the first: at no moment is there none. Returns that name;
 * undefined: there was nothing to keep.
 */
export function replaceDatabase(database: string, by: string): string | undefined {
	const kept = `${database}.damaged-${Date.now()}`;
	for (const suffix of ["-wal", "-journal"]) {
		// What is in them is of the old file, and would be written into the new one.
		if (existsSync(`${database}${suffix}`)) renameSync(`${database}${suffix}`, `${kept}${suffix}`);
	}
	rmSync(`${database}-shm`, { force: true });
	const old = statSync(database, { throwIfNoEntry: false });
	const had = old !== undefined && old.size > 0;
	if (old?.isFile() && had) linkSync(database, kept);
	else if (old && !old.isFile()) renameSync(database, kept);
	renameSync(by, database);
	return had ? kept : undefined;
}

/** With all that SQLite lays beside it. */
export function removeDatabase(path: string): void {
	for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${suffix}`, { force: true });
}
