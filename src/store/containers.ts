/** The containers table. */
import * as v from "valibot";
import { EngineError } from "../errors.ts";
import {
	type Container,
	ContainerConfig,
	ContainerState,
	ListedConfig,
	type ListedContainer,
} from "./container-record.ts";
import type { Db } from "./database.ts";

interface Row {
	id: string;
	name: string;
	created: number;
	config: string;
	state: string;
}

const decode = (row: Row): Container => decodeAs(ContainerConfig, row);

function decodeAs<S extends v.GenericSchema>(schema: S, row: Row) {
	try {
		return {
			id: row.id,
			name: row.name,
			created: row.created,
			config: v.parse(schema, JSON.parse(row.config)),
			state: v.parse(ContainerState, JSON.parse(row.state)),
		};
	} catch (cause) {
		throw new EngineError("failed", `The record of container ${row.name} cannot be read by this version`, { cause });
	}
}

const Whole = v.object({
	id: v.string(),
	name: v.string(),
	created: v.number(),
	config: ContainerConfig,
	state: ContainerState,
});

/** A container that was written down whole. Throws ValiError when it is none. */
export const parseContainer = (value: unknown): Container => v.parse(Whole, value);

const COLUMNS = "id, name, created, config, state";

/** Newest first. */
export function listContainers(db: Db): ListedContainer[] {
	const rows = db.query(`SELECT ${COLUMNS} FROM containers ORDER BY created DESC, id`).all() as Row[];
	return rows.map((row) => decodeAs(ListedConfig, row));
}

/** `known`: as the caller had it last, which is given back if nothing has changed since. */
export function getContainer(db: Db, id: string, known?: Container): Container | undefined {
	const row = db.query(`SELECT ${COLUMNS} FROM containers WHERE id = ?`).get(id) as Row | null;
	if (!row) return undefined;
	const isKnown =
		known &&
		row.name === known.name &&
		row.state === JSON.stringify(known.state) &&
		row.config === JSON.stringify(known.config);
	return isKnown ? known : decode(row);
}

/** By full ID, then exact name, then unique prefix of an ID. */
export function findContainer(db: Db, nameOrId: string): Container {
	const name = nameOrId.replace(/^\//, "");
	const exact = db
		.query(`SELECT ${COLUMNS} FROM containers WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC`)
		.get(name);
	if (exact) return decode(exact as Row);
	if (/^[0-9a-f]{1,63}$/.test(name)) {
		// A range on the primary key: an index finds it, which LIKE does not.
		const rows = db.query(`SELECT ${COLUMNS} FROM containers WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2`).all(name);
		if (rows.length === 1) return decode(rows[0] as Row);
		if (rows.length > 1) {
			throw new EngineError("invalid", `multiple IDs found with provided prefix: ${name}`);
		}
	}
	throw new EngineError("not-found", `No such container: ${nameOrId}`);
}

/** What is wrong with a name; undefined: nobody has it. */
function conflict(db: Db, name: string): string | undefined {
	const taken = db.query("SELECT id FROM containers WHERE name = ?").get(name) as { id: string } | null;
	return taken
		? `Conflict. The container name "/${name}" is already in use by container "${taken.id}". You have to remove (or rename) that container to be able to reuse that name.`
		: undefined;
}

export function insertContainer(db: Db, container: Container): void {
	const wrong = conflict(db, container.name);
	if (wrong) throw new EngineError("conflict", wrong);
	db.query("INSERT INTO containers (id, name, created, image, config, state) VALUES (?, ?, ?, ?, ?, ?)").run(
		container.id,
		container.name,
		container.created,
		container.config.imageId,
		JSON.stringify(container.config),
		JSON.stringify(container.state),
	);
}

export function renameContainer(db: Db, id: string, name: string): void {
	const wrong = conflict(db, name);
	if (wrong) throw new EngineError("conflict", `Error when allocating new name: ${wrong}`);
	db.query("UPDATE containers SET name = ? WHERE id = ?").run(name, id);
}

export function updateState(db: Db, id: string, state: ContainerState): void {
	db.query("UPDATE containers SET state = ? WHERE id = ?").run(JSON.stringify(state), id);
}

export function updateConfig(db: Db, id: string, config: ContainerConfig): void {
	db.query("UPDATE containers SET config = ? WHERE id = ?").run(JSON.stringify(config), id);
}

export function deleteContainer(db: Db, id: string): void {
	db.query("DELETE FROM containers WHERE id = ?").run(id);
}

/** Containers made from an image, or with it mounted. */
export function containersOfImage(db: Db, imageId: string): Container[] {
	const query = `SELECT ${COLUMNS} FROM containers WHERE image = ?1 OR EXISTS (
		SELECT 1 FROM json_each(config->'$.host.mounts') AS mount, json_each(mount.value->'$.options') AS option
		WHERE mount.value->>'$.type' = 'image' AND option.value = 'image=' || ?1)`;
	return (db.query(query).all(imageId) as Row[]).map(decode);
}
