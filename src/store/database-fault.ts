/**
 * A database that is gone, empty or damaged must not be taken for a new one: to a store without records all blobs and
 * layers belong to nothing, and the next command would take them away.
 */

import type { Database as Db } from "bun:sqlite";
import { EngineError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { existsSync, readdirSync } from "../sys/fs.ts";
import { S_IFREG, tryStat, typeOf } from "../sys/stat.ts";

const REPAIR = "run 'NanoContainer system check --repair' to put on record again what can be found";

/** Throws where there is no database, or an empty file, and yet a store. */
export function refuseLostDatabase({ database, root, run, blobs, containers }: Paths): void {
	const found = tryStat(database);
	if (found && typeOf(found.mode) !== S_IFREG) throw new EngineError("failed", `${database} is no file: ${REPAIR}`);
	const size = found?.size;
	if (size) return;
	const held = [blobs, containers, `${run}/containers`].some((dir) => existsSync(dir) && readdirSync(dir).length > 0);
	if (!held) return; // a new store
	const how = size === 0 ? "is empty" : "is gone";
	throw new EngineError("failed", `${database} ${how}, and ${root} holds images or containers: ${REPAIR}`);
}

/** SQLite's words for a file that is none of its, or has been written to by something else. */
export function isDamage(error: unknown): boolean {
	const { code } = error as { code?: unknown };
	return typeof code === "string" && /^SQLITE_(CORRUPT|NOTADB)/.test(code);
}

export const damaged = (database: string, cause: unknown): EngineError =>
	new EngineError("failed", `${database} is damaged (${(cause as Error).message}): ${REPAIR}`, { cause });

/** Looks through all of it; undefined: it is whole. */
export function findDamage(db: Db): string | undefined {
	try {
		const [first] = db.query("PRAGMA integrity_check(1)").all() as { integrity_check: string }[];
		return first?.integrity_check === "ok" ? undefined : first?.integrity_check.split("\n").at(-1);
	} catch (error) {
		if (!isDamage(error)) throw error;
		return (error as Error).message;
	}
}
