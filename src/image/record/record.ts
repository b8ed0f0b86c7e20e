/** Recording an image whose layers and blobs are all in place. */
import type { Paths } from "../../paths.ts";
import { lastResult, markDurable } from "../../store/build-cache.ts";
import { type Db, durableTransaction } from "../../store/database.ts";
import { layerSize, putDigest, putImage, putTag } from "../../store/images.ts";
import { syncFileSystem } from "../../sys/machine.ts";
import type { ImageConfig } from "../reference/spec.ts";

export interface NewImage {
	readonly id: string;
	readonly config: ImageConfig;
	readonly configText: string;
	readonly manifest: string;
	/** Canonical references. */
	readonly tags: readonly string[];
	readonly digests: readonly string[];
}

/**
 * One transaction: the image is there with all its names, or not at all. What it names is on the disk before: after a
 * power cut, an image that is on record is whole.
 */
export function recordImage(db: Db, paths: Paths, image: NewImage): void {
	const layers = image.config.rootfs.diff_ids ?? [];
	const size = layers.reduce((sum, diffId) => sum + (layerSize(db, diffId) ?? 0), 0);
	const results = lastResult(db);
	syncFileSystem(paths.root);
	durableTransaction(db, paths, () => {
		markDurable(db, results);
		putImage(db, {
			id: image.id,
			created: Date.parse(image.config.created || "") || 0,
			size,
			config: image.configText,
			layers,
			manifest: image.manifest,
		});
		for (const tag of image.tags) putTag(db, tag, image.id);
		for (const digest of image.digests) putDigest(db, digest, image.id);
	});
}
