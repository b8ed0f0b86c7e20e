/**
 * `system check`: the store against itself. Every blob and layer against its digest, the records against the disk, and
 * what lies there that no record names. Each finding says what it means, and can mend itself where that is possible.
 */
import { createReadStream, existsSync, readdirSync, rmSync } from "node:fs";
import { messageOf } from "../../errors.ts";
import { blobsOf, wantedBlobs } from "../../image/record/sweep.ts";
import type { Paths } from "../../paths.ts";
import { blobPath, hasBlob } from "../../store/blobs.ts";
import { type ImageRecord, layersInUse, listImages, tagsOf } from "../../store/images.ts";
import { layerPath, removeLayer, tryLock } from "../../store/layers.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../identifiers.ts";
import { checkLayer } from "./check-layer.ts";
import { alone, type Finding, type Mended } from "./finding.ts";

const removed: Mended = { done: true, said: "removed" };
const kept: Mended = { done: true, said: "kept: it is on record now" };

export interface Checked {
	readonly blobs: number;
	readonly layers: number;
	readonly images: number;
	readonly containers: number;
}

/** Gives each finding to `report` as it is made. What a command at work holds is left out: it is being made. */
export async function checkStore(engine: Engine, report: (finding: Finding) => Promise<void>): Promise<Checked> {
	await checkDatabase(engine, report);
	const blobs = await checkBlobs(engine, report);
	const layers = await checkLayers(engine, report);
	const images = await checkImages(engine, report);
	const containers = await checkContainers(engine, report);
	return { blobs, layers, images, containers };
}

type Report = (finding: Finding) => Promise<void>;

async function checkDatabase({ db }: Engine, report: Report): Promise<void> {
	const rows = db.query("PRAGMA integrity_check").all() as { integrity_check: string }[];
	for (const { integrity_check: says } of rows) {
		if (says !== "ok") await report({ what: `state.db: ${says}: restore it from a copy`, repair: undefined });
	}
}

async function checkBlobs({ db, paths }: Engine, report: Report): Promise<number> {
	const wanted = () => wantedBlobs(db, paths);
	const names = readdirSync(paths.blobs);
	const known = wanted();
	for (const hex of await digestsOf(names, paths.blobs, report)) {
		const digest = `sha256:${hex}`;
		const path = blobPath(paths, digest);
		const orphan = known !== undefined && !known.has(digest);
		using lock = tryLock(paths, "blob", digest, !orphan);
		if (!lock || !existsSync(path) || (orphan && wanted()?.has(digest) !== false)) continue;
		const remove = () =>
			alone(paths, () => {
				if (orphan && wanted()?.has(digest) !== false) return kept;
				rmSync(path);
				return removed;
			});
		let actual: string;
		try {
			actual = await digestOf(path);
		} catch (error) {
			await report({ what: `blob ${digest} cannot be read: ${messageOf(error)}`, repair: undefined });
			continue;
		}
		if (actual !== digest) {
			await report({
				what: `blob ${digest} is damaged: its content has digest ${actual}`,
				repair: () => {
					const mended = remove();
					return mended.done ? { ...mended, said: "removed; pull its image again" } : mended;
				},
			});
		} else if (orphan) await report({ what: `blob ${digest} belongs to no image`, repair: remove });
	}
	return names.length;
}

/** What lies there under another name was put there by hand. */
async function digestsOf(names: readonly string[], dir: string, report: Report): Promise<string[]> {
	const isDigest = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
	for (const name of names.filter((name) => !isDigest(name))) {
		const what = `${dir}/${name} is not ours: if nobody misses it, remove it`;
		await report({ what, repair: undefined });
	}
	return names.filter(isDigest);
}

async function digestOf(path: string): Promise<string> {
	const hash = new Bun.CryptoHasher("sha256");
	for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
	return `sha256:${hash.digest("hex")}`;
}

/**
 * A pull or a build holds the locks of what it is about to record: what belongs to nothing is only so if its lock can be
 * had alone, and the records, looked at once more, still know nothing of it.
 */
async function checkLayers(engine: Engine, report: Report): Promise<number> {
	const { db, paths } = engine;
	const names = readdirSync(paths.layers);
	const known = layersInUse(db);
	for (const hex of await digestsOf(names, paths.layers, report)) {
		const diffId = `sha256:${hex}`;
		const orphan = !known.has(diffId);
		using lock = tryLock(paths, "layer", diffId, !orphan);
		if (!lock || !existsSync(layerPath(paths, diffId)) || (orphan && layersInUse(db).has(diffId))) continue;
		if (!orphan) {
			try {
				await checkLayer(engine, diffId, lock, report);
			} catch (error) {
				await report({ what: `layer ${diffId} cannot be read: ${messageOf(error)}`, repair: undefined });
			}
		} else {
			await report({
				what: `layer ${diffId} belongs to no image and no build`,
				repair: () =>
					alone(paths, () => {
						if (layersInUse(db).has(diffId)) return kept;
						removeLayer(paths, diffId);
						return removed;
					}),
			});
		}
	}
	return names.length;
}

async function checkImages({ db, paths }: Engine, report: Report): Promise<number> {
	const images = listImages(db);
	for (const image of images) {
		const missing = [
			...image.layers.filter((diffId) => !existsSync(layerPath(paths, diffId))).map((diffId) => `layer ${diffId}`),
			...(hasBlob(paths, image.manifest) ? missingBlobs(paths, image) : [`manifest ${image.manifest}`]),
		];
		for (const what of missing) {
			await report({
				what: `image ${nameOf(db, image)} lacks ${what}: pull, load or build it again`,
				repair: undefined,
			});
		}
	}
	return images.length;
}

/** A blob that is not compressed is its layer, and is made from that when it is asked for. */
function missingBlobs(paths: Paths, image: ImageRecord): string[] {
	return blobsOf(paths, image)
		.filter((digest) => !hasBlob(paths, digest) && !image.layers.includes(digest))
		.map((digest) => `blob ${digest}`);
}

const nameOf = (db: Engine["db"], image: ImageRecord): string => tagsOf(db, image.id)[0] ?? shortId(image.id);

/**
 * Directories that no record names. They hold what users made, and the records may be the older part (a copy of state.db
 * that was put back): nothing here is removed but by hand.
 */
async function checkContainers({ db, paths }: Engine, report: Report): Promise<number> {
	const known = (table: string, column: string) =>
		new Set((db.query(`SELECT ${column} AS name FROM ${table}`).all() as { name: string }[]).map(({ name }) => name));
	const strays = (dir: string, kind: string, records: () => ReadonlySet<string>): Finding[] => {
		const found = existsSync(dir) ? readdirSync(dir) : []; // first: a record comes before its directory
		const names = records();
		const what = (name: string) =>
			`${kind} ${name} is on the disk and not on record: if nobody misses it, remove ${dir}/${name}`;
		return found
			.filter((name) => !names.has(name) && existsSync(`${dir}/${name}`))
			.map((name) => ({ what: what(name), repair: undefined }));
	};
	const containers = () => known("containers", "id");
	for (const finding of strays(paths.containers, "container", containers)) await report(finding);
	for (const finding of strays(paths.volumes, "volume", () => known("volumes", "name"))) await report(finding);
	return containers().size;
}
