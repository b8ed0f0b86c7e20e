/** `load`: the images of an archive, into the store. */
import { createReadStream, renameSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { readArchive } from "../../image/archive/files.ts";
import type { FoundImage } from "../../image/archive/found.ts";
import { findImages } from "../../image/archive/read.ts";
import { verifyDiffId } from "../../image/layer/diff-id.ts";
import { extractLayer } from "../../image/layer/extract.ts";
import { blobsOfLayer } from "../../image/record/known-layers.ts";
import { recordImage } from "../../image/record/record.ts";
import { sweepOrphans } from "../../image/record/sweep.ts";
import { familiar } from "../../image/reference/reference.ts";
import { blobPath, hasBlob, writeBlob } from "../../store/blobs.ts";
import { putLayerSize } from "../../store/images.ts";
import { hasLayer, lockBlob, lockLayerAndBlob } from "../../store/layers.ts";
import { stagingDirectory, sweepAbandoned } from "../../store/staging.ts";
import { holdStore } from "../../store/store-lock.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { tellingFull } from "../full-disk.ts";

export interface LoadedImage {
	readonly id: string;
	/** As docker shows them. */
	readonly names: readonly string[];
}

/** Loads every image for this machine. `source` is the archive, compressed or not. */
export function loadArchive(engine: Engine, source: AsyncIterable<Uint8Array>): Promise<LoadedImage[]> {
	return tellingFull(engine.paths, () => loadAll(engine, source));
}

async function loadAll(engine: Engine, source: AsyncIterable<Uint8Array>): Promise<LoadedImage[]> {
	sweepAbandoned(engine.paths);
	const staging = stagingDirectory(engine.paths);
	try {
		const images = await findImages(await readArchive(source, staging));
		if (images.length === 0) throw new EngineError("failed", "invalid archive: it holds no image");
		{
			using _storing = holdStore(engine.paths);
			const loading: Loading = { held: new DisposableStack(), layers: new Map() };
			using _held = loading.held;
			for (const image of images) await store(engine, image, loading);
		}
		sweepOrphans(engine.db, engine.paths);
		return images.map(({ id, names }) => ({ id, names: names.map(familiar) }));
	} finally {
		removeTree(staging);
	}
}

/** What this load has in hand already: images share layers, and storing one moves its file. */
interface Loading {
	readonly held: DisposableStack;
	/** Digest of the blob → DiffID, of the layers that are stored. */
	readonly layers: Map<string, string>;
}

/** Layers first, each verified; then the record: until then nothing can be seen of it. */
async function store(engine: Engine, image: FoundImage, loading: Loading): Promise<void> {
	const { db, paths } = engine;
	for (const layer of image.layers) {
		const known = loading.layers.get(layer.digest);
		if (known === layer.diffId) continue;
		if (known !== undefined) {
			throw new EngineError("failed", `invalid archive: two DiffIDs for the layer ${layer.digest}`);
		}
		await storeLayer(engine, layer, loading);
		loading.layers.set(layer.digest, layer.diffId);
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

async function storeLayer(
	engine: Engine,
	layer: FoundImage["layers"][number],
	{ held, layers }: Loading,
): Promise<void> {
	const { db, paths } = engine;
	const { digest, diffId, file } = layer;
	// Also of a layer that is here: the manifest speaks of this file.
	if (!layer.verified) await verifyFile(file, digest);
	// The same content, compressed twice in two ways: its layer is in hand, and only the blob is to be had.
	const twin = [...layers.values()].includes(diffId);
	const locks = held.use(await (twin ? lockBlob(paths, digest) : lockLayerAndBlob(paths, diffId, digest)));
	if (hasLayer(paths, diffId)) {
		if (!blobsOfLayer(db, paths, diffId).includes(digest)) await verifyDiffId(file, diffId);
	} else {
		const { size } = Bun.file(file);
		const bytes = await extractLayer(paths, { diffId, size, bytes: createReadStream(file), verify: () => {} });
		engine.transaction(() => putLayerSize(db, diffId, bytes));
	}
	if (!hasBlob(paths, digest)) renameSync(file, blobPath(paths, digest));
	locks.share();
}

async function verifyFile(path: string, digest: string): Promise<void> {
	const hash = new Bun.CryptoHasher("sha256");
	for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
	if (`sha256:${hash.digest("hex")}` !== digest) {
		throw new EngineError("failed", `invalid archive: the layer ${digest} has another digest`);
	}
}
