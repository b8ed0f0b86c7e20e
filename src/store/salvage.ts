/** What can still be read of a damaged database: the rows of each table, from both of its ends up to the damage. */
import type { Db } from "./database.ts";

type Row = Readonly<Record<string, unknown>>;

/** In an order in which each may be put back: what is referred to comes first. */
const TABLES = [
	...["images", "tags", "digests", "layers", "networks", "addresses", "volumes", "containers", "volume_uses"],
	...["build_results", "build_mounts", "build_steps"],
];

export function readTables(path: string): Map<string, readonly Row[]> {
	const { Database } = require("bun:sqlite") as typeof import("bun:sqlite");
	const found = new Map<string, readonly Row[]>();
	let db: Db | undefined;
	try {
		db = new Database(path, { readonly: true });
		for (const table of TABLES) found.set(table, readTable(db, table));
	} catch {
		// no database at all
	} finally {
		db?.close();
	}
	return found;
}

function readTable(db: Db, table: string): Row[] {
	const rows = new Map<string, Row>();
	for (const direction of ["ASC", "DESC"]) {
		try {
			for (const row of db.query(`SELECT rowid AS "_rowid", * FROM ${table} ORDER BY rowid ${direction}`).iterate()) {
				rows.set(String((row as Row)["_rowid"]), row as Row);
			}
		} catch {
			// up to here
		}
	}
	return [...rows.values()];
}
