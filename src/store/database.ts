/**
 * state.db: what should be. Names, configurations, addresses, tags, exit codes; whether something runs is asked of the
 * kernel. SQLite in WAL mode: readers never wait. Writers take a file lock first, which the kernel hands on the
 * moment it is free; SQLite alone would sleep and retry.
 */
import type { Database } from "bun:sqlite";
import { EngineError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { lockFile } from "../sys/file.ts";
import { blockSize } from "../sys/stat.ts";
import { damaged, isDamage, refuseLostDatabase } from "./database-fault.ts";
import { MIGRATIONS } from "./migrations.ts";
import { giveFile, giveRoom, hasSpace, isFull, keepRoom } from "./room.ts";

const LOG_PAGES = 200;

export type Db = Database;

/** Throws EngineError for a database that is lost or damaged. */
export function openDatabase(paths: Paths): Db {
	refuseLostDatabase(paths);
	return makeDatabase(paths);
}

/** The same, and a new one where there is none, whatever the store holds. */
export function makeDatabase(paths: Paths): Db {
	for (let attempt = 0; ; attempt++) {
		try {
			return open(paths, isAttemptAlone(attempt));
		} catch (error) {
			if (isDamage(error)) throw damaged(paths.database, error);
			// Whoever comes first makes the log's index anew, in a file; where that has no room, it can be had in memory by
			// one who has the database alone. Somebody else may have it: then there is an index, or soon will be none.
			const goesOn = isFull(error) || (isAttemptAlone(attempt) && isBusy(error));
			if (!goesOn || attempt === OPEN_ATTEMPTS) throw told(error, paths);
			giveFile(paths);
			if (attempt > 1) Bun.sleepSync(OPEN_PAUSE_MS);
		}
	}
}

const OPEN_ATTEMPTS = 400;
const OPEN_PAUSE_MS = 10;
const isAttemptAlone = (attempt: number): boolean => attempt % 2 === 1;
const isBusy = (error: unknown): boolean => /^SQLITE_BUSY/.test(String((error as { code?: unknown }).code));

/** `alone`: needs no room at all, and lets nobody else in until it is closed (sqlite.org/wal.html, 8). */
function open(paths: Paths, alone: boolean): Db {
	const sqlite = require("bun:sqlite") as typeof import("bun:sqlite"); // not every command needs it
	const db = new sqlite.Database(paths.database, { create: true });
	try {
		return prepare(db, paths, alone);
	} catch (error) {
		closeKeepingLog(db);
		throw error;
	}
}

/** Whether others wait until it is closed. */
export const isAlone = (db: Db): boolean =>
	(db.query("PRAGMA locking_mode").get() as { locking_mode: string }).locking_mode === "exclusive";

/** The last one out would take the log away, in whose place the next could not make one on a full disk: it is left. */
export function closeKeepingLog(db: Db): void {
	const { constants } = require("bun:sqlite") as typeof import("bun:sqlite");
	db.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
	db.close();
}

function prepare(db: Db, paths: Paths, alone: boolean): Db {
	if (alone) db.exec("PRAGMA busy_timeout = 100; PRAGMA locking_mode = EXCLUSIVE");
	else db.exec("PRAGMA busy_timeout = 30000"); // SQLite's own short locks (recovery of the log after a crash)
	db.exec(`
		PRAGMA synchronous = NORMAL; -- a power cut may lose the last commits, never the file
		PRAGMA wal_autocheckpoint = ${LOG_PAGES}; -- whoever comes first after it was written reads the log: it is kept short
	`);
	const version = (db.query("PRAGMA user_version").get() as { user_version: number }).user_version;
	if (version < MIGRATIONS.length) {
		using _lock = lockFile(paths.databaseLock);
		migrate(db, paths);
		keepRoom(db, paths);
	}
	keepJournal(db);
	return db;
}

/** What SQLite allocates of the log's index is one byte in each page of so many bytes; the rest of a page comes with it. */
const PAGE = 4096;

function migrate(db: Db, { root }: Paths): void {
	// The index is mapped: where blocks are smaller than pages it has holes, and to write into one on a full disk is the
	// end of the process (SIGBUS). There the old journal does, which is written as other files are.
	db.exec(`PRAGMA journal_mode = ${(blockSize(root) ?? PAGE) < PAGE ? "PERSIST" : "WAL"}`);
	db.exec("BEGIN IMMEDIATE");
	const { user_version } = db.query("PRAGMA user_version").get() as { user_version: number };
	for (const migration of MIGRATIONS.slice(user_version)) db.exec(migration);
	db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
	db.exec("COMMIT");
}

/** What the file remembers is WAL or not WAL; that a journal stays after use, in whose place the next is written, is not in it. */
function keepJournal(db: Db): void {
	const { journal_mode: mode } = db.query("PRAGMA journal_mode").get() as { journal_mode: string };
	if (mode === "delete") db.exec("PRAGMA journal_mode = PERSIST");
}

/** As transaction(), and on the disk when it returns: for what took long to make, and is told to be there. */
export function durableTransaction<T>(db: Db, paths: Paths, change: () => T): T {
	db.exec("PRAGMA synchronous = FULL");
	try {
		return transaction(db, paths, change);
	} finally {
		db.exec("PRAGMA synchronous = NORMAL");
	}
}

/**
 * Runs `change` as one transaction, alone among all processes. What it throws undoes everything. It may be run again:
 * where the disk is full, once there is room.
 */
export function transaction<T>(db: Db, paths: Paths, change: () => T): T {
	using _lock = lockFile(paths.databaseLock);
	for (let attempt = 0; ; attempt++) {
		try {
			return runOnce(db, change);
		} catch (error) {
			if (!isFull(error) || !giveRoom(db, paths, attempt)) throw told(error, paths);
		}
	}
}

function runOnce<T>(db: Db, change: () => T): T {
	db.exec("BEGIN IMMEDIATE");
	try {
		const result = change();
		db.exec("COMMIT");
		return result;
	} catch (error) {
		if (db.inTransaction) db.exec("ROLLBACK");
		throw error;
	}
}

function told(error: unknown, { root, database }: Paths): unknown {
	if (!isFull(error)) return error;
	const text = hasSpace(root)
		? `${database} cannot be written: ${(error as Error).message}`
		: `no space left on device: ${root} is full, and state.db in it cannot be written`;
	return new EngineError("failed", text, { cause: error });
}
