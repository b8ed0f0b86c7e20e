/**
 * Room that a full disk does not take: what frees it (`rm`, `rmi`, `builder prune`) writes to the database first. The
 * database has free pages within its own file, and its log is never cut, so that both are written in place; and a file
 * beside them is given up when that was not enough.
 */

import type { Database as Db } from "bun:sqlite";
import type { Paths } from "../paths.ts";
import { nodeFs } from "../sys/node.ts";

/** Free pages (of 4 KiB) that a removal and what comes after it may need, and how many are made at once. */
const FEW = 16;
const MANY_BYTES = 64 * 4096;
const FILE_BYTES = 256 * 1024;

const fileOf = (paths: Paths): string => `${paths.root}/reserve`;

/** Makes room where it has become scarce; where there is none to be had, leaves it so. */
export function keepRoom(db: Db, paths: Paths): void {
	const { freelist_count: free } = db.query("PRAGMA freelist_count").get() as { freelist_count: number };
	if (free >= FEW) return;
	try {
		// Pages that are used and given back become free ones; only once they have been written do they have blocks.
		db.exec(`INSERT INTO reserve (bytes) VALUES (zeroblob(${MANY_BYTES}))`);
		db.exec("PRAGMA wal_checkpoint(PASSIVE)");
		db.exec("DELETE FROM reserve");
		const { existsSync, writeFileSync } = nodeFs();
		if (!existsSync(fileOf(paths))) writeFileSync(fileOf(paths), Buffer.alloc(FILE_BYTES), { mode: 0o600 });
	} catch (error) {
		if (!isFull(error)) throw error;
	}
}

/** What of SQLite's errors a write, or the making of its index, gives where there is no room, as well as for other reasons. */
const NO_ROOM_PERHAPS = /^SQLITE_IOERR(_(WRITE|FSYNC|TRUNCATE|SHMOPEN|SHMSIZE|SHMMAP|SHMLOCK))?$/;

/** ENOSPC and EDQUOT, as SQLite and node:fs tell them. */
export function isFull(error: unknown): boolean {
	const { code } = error as { code?: unknown };
	return typeof code === "string" && (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code) || NO_ROOM_PERHAPS.test(code));
}

/**
 * Whether more than the reserve can be written: then an error of writing had another reason. A file is tried, since
 * what statfs(2) tells of a disk says nothing of somebody's share of it (quotactl(2)).
 */
export function hasSpace(root: string): boolean {
	const { closeSync, openSync, rmSync, writeSync } = nodeFs();
	const probe = `${root}/probe-${process.pid}`;
	try {
		const fd = openSync(probe, "w", 0o600);
		try {
			rmSync(probe); // its blocks are given back when it is closed, also when this process is killed
			return writeSync(fd, Buffer.alloc(2 * FILE_BYTES)) === 2 * FILE_BYTES;
		} finally {
			closeSync(fd);
		}
	} catch (error) {
		return !isFull(error);
	}
}

/**
 * After a transaction that found no room: first the log is begun anew, which writes in place what is in it; then the
 * file is given up. False: there is nothing more to give.
 */
export function giveRoom(db: Db, paths: Paths, attempt: number): boolean {
	if (attempt > 1) return false;
	if (attempt === 1 && !giveFile(paths)) return false;
	try {
		db.exec("PRAGMA wal_checkpoint(RESTART)");
	} catch (error) {
		if (!isFull(error)) throw error;
	}
	return true;
}

/** False: it has been given up before. */
export function giveFile(paths: Paths): boolean {
	const { existsSync, rmSync } = nodeFs();
	if (!existsSync(fileOf(paths))) return false;
	rmSync(fileOf(paths), { force: true });
	return true;
}
