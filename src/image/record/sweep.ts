/** Takes away layers and blobs that nothing needs, unless somebody holds their lock: a pull that is about to. */
import type { Paths } from "../../paths.ts";
import { blobPath, hasBlob, readBlob } from "../../store/blobs.ts";
import type { Db } from "../../store/database.ts";
import { type ImageRecord, layersInUse, listImages } from "../../store/images.ts";
import { layerPath, removeLayer, tryLock } from "../../store/layers.ts";
import { ownStore } from "../../store/store-lock.ts";
import { readdirSync, rmSync } from "../../sys/fs.ts";
import { tryStat } from "../../sys/stat.ts";
import { Manifest, parseDocument } from "../reference/spec.ts";

/** Younger ones may belong to a build or pull that is just recording them. */
const SETTLED_MS = 10 * 60 * 1000;

/** Digests of the blobs that an image is stored as. */
export function blobsOf(paths: Paths, image: ImageRecord): string[] {
	if (!hasBlob(paths, image.manifest)) return [image.id];
	let manifest: Manifest;
	try {
		manifest = parseDocument(Manifest, readBlob(paths, image.manifest), "stored manifest");
	} catch {
		return [image.manifest, image.id]; // damaged: its layers' blobs cannot be named
	}
	return [image.manifest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
}

/**
 * The blobs of all images. undefined: the manifest of one is missing or damaged, so its layers' blobs have no name, and
 * of no blob can be said that it belongs to nothing.
 */
export function wantedBlobs(db: Db, paths: Paths): Set<string> | undefined {
	const wanted = new Set<string>();
	for (const image of listImages(db)) {
		const blobs = blobsOf(paths, image);
		if (image.layers.length > 0 && blobs.length <= 2) return undefined;
		for (const digest of blobs) wanted.add(digest);
	}
	return wanted;
}

/** Removes a layer, unless it is in use; returns whether it is gone. */
export function dropLayer(paths: Paths, diffId: string): boolean {
	using lock = tryLock(paths, "layer", diffId);
	if (!lock) return false;
	removeLayer(paths, diffId);
	return true;
}

export function dropBlob(paths: Paths, digest: string): void {
	using lock = tryLock(paths, "blob", digest);
	if (lock) rmSync(blobPath(paths, digest), { force: true });
}

/** What failed pulls left, once it is plain that they don't come back for it. */
export function sweepOrphans(db: Db, paths: Paths): void {
	using alone = ownStore(paths);
	if (!alone) return; // the next one will
	const old = (path: string): boolean => {
		const stat = tryStat(path);
		return stat !== undefined && Date.now() - Number(stat.ctime / 1_000_000n) > SETTLED_MS;
	};
	const layers = layersInUse(db);
	for (const hex of readdirSync(paths.layers)) {
		const diffId = `sha256:${hex}`;
		if (!layers.has(diffId) && old(layerPath(paths, diffId))) dropLayer(paths, diffId);
	}
	const blobs = wantedBlobs(db, paths);
	for (const hex of readdirSync(paths.blobs)) {
		const digest = `sha256:${hex}`;
		if (blobs && !blobs.has(digest) && old(blobPath(paths, digest))) dropBlob(paths, digest);
	}
}
