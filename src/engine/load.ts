/** `load`: the images of an archive, into the store. */
import { createReadStream, renameSync } from "node:fs";
import { EngineError } from "../errors.ts";
import { readArchive } from "../image/archive-files.ts";
import { type FoundImage, findImages } from "../image/archive-read.ts";
import { extractLayer } from "../image/extract.ts";
import { recordImage } from "../image/record.ts";
import { familiar } from "../image/reference.ts";
import { sweepOrphans } from "../image/sweep.ts";
import { blobPath, writeBlob } from "../store/blobs.ts";
import { putLayerSize } from "../store/images.ts";
import { hasLayer, lockLayerAndBlob } from "../store/layers.ts";
import { stagingDirectory, sweepAbandoned } from "../store/staging.ts";
import { removeTree } from "../sys/tree.ts";
import type { Engine } from "./engine.ts";

export interface LoadedImage {
	readonly id: string;
	/** As docker shows them. */
	readonly names: readonly string[];
}

/** Loads every image for this machine. `source` is the archive, compressed or not. */
export async function loadArchive(engine: Engine, source: AsyncIterable<Uint8Array>): Promise<LoadedImage[]> {
	sweepAbandoned(engine.paths);
	const staging = stagingDirectory(engine.paths);
	try {
		const images = findImages(await readArchive(source, staging));
		if (images.length === 0) throw new EngineError("failed", "invalid archive: it holds no image");
		for (const image of images) await store(engine, image);
		sweepOrphans(engine.db, engine.paths);
		return images.map(({ id, names }) => ({ id, names: names.map(familiar) }));
	} finally {
		removeTree(staging);
	}
}

/** Layers first, each verified; then the record: until then nothing can be seen of it. */
async function store(engine: Engine, image: FoundImage): Promise<void> {
	const { db, paths } = engine;
	using held = new DisposableStack();
	// The same layer may come twice, as one file: storing it moves the file.
	const distinct = new Map(image.layers.map((layer) => [layer.digest, layer]));
	for (const { digest, diffId, file } of distinct.values()) {
		await verifyFile(file, digest); // also of a layer that is here: the manifest speaks of this file
		const locks = await lockLayerAndBlob(paths, diffId, digest);
		held.use(locks);
		if (locks.present) continue;
		if (!hasLayer(paths, diffId)) {
			const { size } = Bun.file(file);
			const bytes = await extractLayer(paths, { diffId, size, bytes: createReadStream(file), verify: () => {} });
			engine.transaction(() => putLayerSize(db, diffId, bytes));
		}
		renameSync(file, blobPath(paths, digest));
		locks.share();
	}
	recordImage(db, paths, {
		id: writeBlob(paths, Buffer.from(image.configText)),
		config: image.config,
		configText: image.configText,
		manifest: writeBlob(paths, image.manifest),
		tags: image.names,
		digests: [],
	});
}

async function verifyFile(path: string, digest: string): Promise<void> {
	const hash = new Bun.CryptoHasher("sha256");
	for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
	if (`sha256:${hash.digest("hex")}` !== digest) {
		throw new EngineError("failed", `invalid archive: the layer ${digest} has another digest`);
	}
}
