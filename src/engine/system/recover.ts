/**
 * `system check --repair` where state.db is gone, empty or damaged: what can still be read of it, and what the disk and the
 * kernel tell without it. Containers that run are in the run directory, images in their blobs, volumes in theirs. What was
 * stopped had its configuration in the database alone: its files stay, and are told by the check that follows.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { recordImage } from "../../image/record/record.ts";
import { canonical, parseReference } from "../../image/reference/reference.ts";
import { ImageConfig, Manifest } from "../../image/reference/spec.ts";
import { blobPath, hasBlob } from "../../store/blobs.ts";
import type { Container } from "../../store/container-record.ts";
import { getContainer, insertContainer, parseContainer, updateState } from "../../store/containers.ts";
import { findDamage } from "../../store/database-fault.ts";
import { removeDatabase, replaceDatabase } from "../../store/database-replace.ts";
import { getImage, layerSize, putLayerSize } from "../../store/images.ts";
import { hasLayer, layerPath } from "../../store/layers.ts";
import { isFull } from "../../store/room.ts";
import { readTables } from "../../store/salvage.ts";
import { ensureVolume, useVolume } from "../../store/volumes.ts";
import { lockFile } from "../../sys/file.ts";
import { syncFileSystem } from "../../sys/machine.ts";
import { startTime } from "../../sys/process.ts";
import { treeSize } from "../../sys/tree-size.ts";
import { isOfLastBoot, noteBoot, settleRecords } from "../after-boot.ts";
import type { Engine } from "../engine.ts";
import { recordNetworks } from "./recover-networks.ts";

export interface Recovered {
	/** What was wrong. */
	readonly fault: string;
	/** Where the damaged file lies now; undefined: there was none. */
	readonly kept: string | undefined;
	readonly containers: number;
	readonly images: number;
	readonly volumes: number;
}

/** undefined: the database is whole. Else all that can be found is put on record in a new one. */
export function recoverRecords(engine: Engine): Recovered | undefined {
	if (faultOf(engine) === undefined) return undefined;
	using _lock = lockFile(`${engine.paths.root}/repair.lock`);
	engine.useDatabase(undefined);
	const fault = faultOf(engine); // another command may have done it meanwhile
	if (fault === undefined) return undefined;
	const recovered = recover(engine);
	if (isOfLastBoot(engine.paths)) noteBoot(engine.paths);
	return { fault, ...recovered };
}

/** What is wrong with the database; undefined: nothing. */
export function faultOf(engine: Engine): string | undefined {
	try {
		const damage = findDamage(engine.db);
		return damage && `${engine.paths.database} is damaged (${damage})`;
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		return error.message.replace(/: run .*/, "");
	}
}

/**
 * The new database is made beside the old one, and takes its place when all is in it: one that is there and lacks records
 * would be believed, and what it does not name be taken away.
 */
function recover(engine: Engine): Omit<Recovered, "fault"> {
	const { paths } = engine;
	const aside = `${paths.database}.new`;
	removeDatabase(aside); // of a repair that was killed
	engine.useDatabase(aside);
	try {
		const counts = fill(engine);
		finish(engine, aside);
		return { kept: replaceDatabase(paths.database, aside), ...counts };
	} finally {
		engine.useDatabase(undefined);
		removeDatabase(aside);
	}
}

function fill(engine: Engine): Omit<Recovered, "fault" | "kept"> {
	const { database } = engine.paths;
	const tables = existsSync(database) ? readTables(database) : new Map();
	engine.transaction(() => {
		for (const [table, rows] of tables) insertRows(engine, table, rows);
		if (isOfLastBoot(engine.paths)) settleRecords(engine.db);
	});
	recordRunning(engine);
	recordImages(engine);
	recordVolumes(engine);
	const count = (table: string): number =>
		(engine.db.query(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
	return { containers: count("containers"), images: count("images"), volumes: count("volumes") };
}

/** All of it in the one file, and that on the disk. */
function finish(engine: Engine, path: string): void {
	engine.db.query("PRAGMA wal_checkpoint(TRUNCATE)").all();
	engine.useDatabase(undefined);
	syncFileSystem(dirname(path));
}

/** Rows of the old file. Names of columns are ours: they come from the schema of a database that may be anything. */
function insertRows(engine: Engine, table: string, rows: readonly Readonly<Record<string, unknown>>[]): void {
	const own = (engine.db.query(`PRAGMA table_info(${table})`).all() as { name: string }[]).map(({ name }) => name);
	for (const row of rows) {
		const columns = own.filter((name) => name in row);
		const values = columns.map((name) => row[name] as string | number | null);
		try {
			engine.db
				.query(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`)
				.run(...values);
			if (table === "containers") getContainer(engine.db, String(row["id"])); // throws for what cannot be read
		} catch (error) {
			if (isFull(error)) throw error;
			if (table === "containers") engine.db.query("DELETE FROM containers WHERE id = ?").run(String(row["id"]));
		}
	}
}

/** By their directories in the run directory; whether they run is asked of the kernel. */
function recordRunning(engine: Engine): void {
	for (const id of list(`${engine.paths.run}/containers`)) {
		const container = readRecord(`${engine.paths.live(id)}/record`);
		if (container?.id !== id || !lives(container)) continue;
		engine.transaction(() => {
			if (getContainer(engine.db, id)) updateState(engine.db, id, container.state);
			else insertContainer(engine.db, { ...container, name: freeName(engine, container) });
			recordNetworks(engine, container);
		});
	}
}

const lives = ({ state: { init } }: Container): boolean => init !== null && startTime(init.pid) === init.startTime;

/** The record that was read may have given its name to another. */
function freeName(engine: Engine, { id, name }: Container): string {
	const taken = engine.db.query("SELECT 1 FROM containers WHERE name = ?").get(name) !== null;
	return taken ? id.slice(0, 12) : name;
}

/** Longest manifest that a registry would have taken. */
const MAX_MANIFEST = 4 * 1024 * 1024;

/** Each blob that is a manifest, and whose configuration and layers are here, is an image; containers tell names. */
function recordImages(engine: Engine): void {
	const { paths, db } = engine;
	for (const hex of list(paths.blobs)) {
		const digest = `sha256:${hex}`;
		const manifest = readJson(blobPath(paths, digest), Manifest);
		if (!manifest || !hasBlob(paths, manifest.config.digest)) continue;
		const { digest: id } = manifest.config;
		const config = readJson(blobPath(paths, id), ImageConfig);
		const diffIds = config?.rootfs.diff_ids ?? [];
		if (!config || getImage(db, id) || diffIds.length !== manifest.layers.length) continue;
		if (!diffIds.every((diffId) => hasLayer(paths, diffId))) continue;
		engine.transaction(() => {
			for (const diffId of diffIds) {
				if (layerSize(db, diffId) === undefined) {
					putLayerSize(db, diffId, treeSize(layerPath(paths, diffId)));
				}
			}
		});
		const configText = readFileSync(blobPath(paths, id), "utf8");
		recordImage(db, paths, { id, config, configText, manifest: digest, tags: namesOf(engine, id), digests: [] });
	}
}

/** What users called it when they made containers of it. */
function namesOf(engine: Engine, imageId: string): string[] {
	const rows = engine.db
		.query("SELECT DISTINCT config->>'$.image' AS name FROM containers WHERE image = ?")
		.all(imageId) as { name: string }[];
	return rows.flatMap(({ name }) => {
		try {
			const reference = parseReference(name);
			return reference.digest || imageId.startsWith(`sha256:${name}`) ? [] : [canonical(reference)];
		} catch {
			return [];
		}
	});
}

const ANONYMOUS = /^[0-9a-f]{64}$/;

function recordVolumes(engine: Engine): void {
	const { paths, db } = engine;
	engine.transaction(() => {
		for (const name of list(paths.volumes)) {
			const created = statSync(`${paths.volumes}/${name}`).mtimeMs;
			ensureVolume(db, {
				name,
				created: Math.trunc(created),
				anonymous: ANONYMOUS.test(name),
				labels: {},
				options: {},
			});
		}
		const rows = db.query("SELECT id FROM containers").all() as { id: string }[];
		for (const { id } of rows) {
			for (const mount of getContainer(db, id)?.config.host.mounts ?? []) {
				if (mount.type === "volume") useVolume(db, mount.source, id);
			}
		}
	});
}

function readRecord(path: string): Container | undefined {
	try {
		return parseContainer(JSON.parse(readFileSync(path, "utf8")));
	} catch {
		return undefined;
	}
}

/** undefined: it is no such document. */
function readJson<S extends v.GenericSchema>(path: string, schema: S): v.InferOutput<S> | undefined {
	const size = statSync(path, { throwIfNoEntry: false })?.size;
	if (size === undefined || size > MAX_MANIFEST) return undefined;
	try {
		const parsed = v.safeParse(schema, JSON.parse(readFileSync(path, "utf8")));
		return parsed.success ? parsed.output : undefined;
	} catch {
		return undefined;
	}
}

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);
