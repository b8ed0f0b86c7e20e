/** What builds have left to be used again: how much it is, and how it is taken away, the least recently used first. */
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { deleteCacheMount, deleteResults, listCacheMounts, listResults } from "../../store/build-cache.ts";
import { layerSize, layersInUse, layersOfImages } from "../../store/images.ts";
import { removeLayer, tryLock } from "../../store/layers.ts";
import { tryLockFile } from "../../sys/file.ts";
import { removeTree } from "../../sys/tree.ts";
import { treeSize } from "../../sys/tree-size.ts";
import type { Engine } from "../engine.ts";

export interface CacheRecord {
	/** DiffID of a layer, or the digest of a cache mount's ID. */
	readonly id: string;
	readonly kind: "regular" | "exec.cachemount";
	readonly description: string;
	readonly size: number;
	readonly created: number;
	readonly used: number;
	/** An image has the layer too: taking the record away frees nothing. */
	readonly shared: boolean;
}

/** Least recently used first. */
export function listCache(engine: Engine): CacheRecord[] {
	const { db, paths } = engine;
	const ofImages = layersOfImages(db);
	const layers = new Map<string, CacheRecord>();
	for (const { diffId, description, created, used } of listResults(db)) {
		const known = layers.get(diffId);
		layers.set(diffId, {
			id: diffId,
			kind: "regular",
			description,
			size: layerSize(db, diffId) ?? 0,
			created: Math.min(created, known?.created ?? created),
			used: Math.max(used, known?.used ?? used),
			shared: ofImages.has(diffId),
		});
	}
	const mounts = listCacheMounts(db).map(
		({ id, description, created, used }): CacheRecord => ({
			id,
			kind: "exec.cachemount",
			description: `cached mount ${description}`,
			size: treeSize(`${paths.buildMounts}/${id}/data`),
			created,
			used,
			shared: false,
		}),
	);
	return [...layers.values(), ...mounts].sort((a, b) => a.used - b.used);
}

export interface PruneOptions {
	/** Also what images have. */
	readonly all: boolean;
	/** Only what was last used before, in milliseconds since 1970. */
	readonly until: number | undefined;
	/** So many bytes may stay. */
	readonly keepBytes: number;
}

/** Returns what was removed. What is in use at this moment stays. */
export function pruneCache(engine: Engine, options: PruneOptions): CacheRecord[] {
	const records = listCache(engine);
	let kept = records.filter(({ shared }) => !shared).reduce((sum, { size }) => sum + size, 0);
	const removed: CacheRecord[] = [];
	for (const record of records) {
		if (options.keepBytes > 0 && kept <= options.keepBytes) break;
		if (options.until !== undefined && record.used >= options.until) continue;
		if (record.shared && !options.all) continue;
		if (!(record.kind === "regular" ? removeLayerRecord(engine, record) : removeMount(engine, record))) continue;
		removed.push(record);
		if (!record.shared) kept -= record.size;
	}
	return removed;
}

function removeLayerRecord(engine: Engine, { id }: CacheRecord): boolean {
	// Whoever builds on it holds its lock, shared.
	using lock = tryLock(engine.paths, "layer", id);
	if (!lock) return false;
	engine.transaction(() => deleteResults(engine.db, id));
	if (!layersInUse(engine.db).has(id)) removeLayer(engine.paths, id);
	return true;
}

function removeMount(engine: Engine, { id }: CacheRecord): boolean {
	const directory = `${engine.paths.buildMounts}/${id}`;
	using lock = tryLockFile(`${directory}/lock`);
	if (!lock && isThere(directory)) return false; // a step has it
	removeTree(directory);
	engine.transaction(() => deleteCacheMount(engine.db, id));
	return true;
}

function isThere(directory: string): boolean {
	try {
		return readdirSync(directory).length > 0;
	} catch {
		return false;
	}
}

const LIMIT_EVERY_MS = 10 * 60 * 1000;

/**
 * After a build: no more than the configured size stays (docker's `builder.gc.defaultKeepStorage`). Measuring takes time,
 * so it is done now and then only.
 */
export function limitCache(engine: Engine, keepBytes: number): void {
	const mark = `${engine.paths.run}/build-cache-limited`;
	const last = statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0;
	if (Date.now() - last < LIMIT_EVERY_MS) return;
	writeFileSync(mark, "");
	pruneCache(engine, { all: false, until: undefined, keepBytes });
}
