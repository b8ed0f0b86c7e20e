/** Which blob is the archive of which layer: what images on record say was verified when they were stored. */
import type { Paths } from "../../paths.ts";
import { readBlob } from "../../store/blobs.ts";
import type { Db } from "../../store/database.ts";
import { listImages } from "../../store/images.ts";
import { Manifest, parseDocument } from "../reference/spec.ts";

/** Digests of the blobs that a layer came as. */
export function blobsOfLayer(db: Db, paths: Paths, diffId: string): string[] {
	const found = new Set<string>();
	for (const image of listImages(db)) {
		if (!image.layers.includes(diffId)) continue;
		let manifest: Manifest;
		try {
			manifest = parseDocument(Manifest, readBlob(paths, image.manifest), "stored manifest");
		} catch {
			continue; // another image may have it too
		}
		for (const [i, layer] of manifest.layers.entries()) if (image.layers[i] === diffId) found.add(layer.digest);
	}
	return [...found];
}
