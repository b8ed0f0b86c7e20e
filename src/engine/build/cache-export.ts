/** `--cache-to`: the results of a build, for builds elsewhere: to a directory or to a registry. */
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import type { BuiltImage } from "../../build/built-image.ts";
import { CACHE_CONFIG, type CacheRecord, renderCache } from "../../build/cache/cache-document.ts";
import { OCI_MANIFEST } from "../../build/manifest.ts";
import type { Reference } from "../../image/reference/reference.ts";
import { pushBlob, pushManifest } from "../../registry/upload.ts";
import { sha256 } from "../../store/blobs.ts";
import { hexOf } from "../../store/layers.ts";
import { stagingDirectory } from "../../store/staging.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { clientFor, type RegistryAccess } from "../registry-access.ts";
import { compressLayer, type LayerBlob } from "./layer-blob.ts";

/** min: what the image itself is made of; max: also the steps of the stages on the way. */
export type CacheMode = "min" | "max";

export const recordsFor = ({ cache, layers }: BuiltImage, mode: CacheMode): CacheRecord[] =>
	cache.filter(({ diffId }) => mode === "max" || layers.includes(diffId));

interface Packed {
	readonly config: string;
	readonly manifest: string;
	readonly layers: readonly LayerBlob[];
}

/** Makes everything there is to send, in `directory`. */
async function pack({ paths }: Engine, records: readonly CacheRecord[], directory: string): Promise<Packed> {
	const diffIds = [...new Set(records.map(({ diffId }) => diffId))];
	const layers: LayerBlob[] = [];
	for (const [i, diffId] of diffIds.entries()) layers.push(await compressLayer(paths, diffId, `${directory}/${i}`));
	const config = renderCache(records, diffIds);
	const manifest = JSON.stringify({
		schemaVersion: 2,
		mediaType: OCI_MANIFEST,
		config: { mediaType: CACHE_CONFIG, digest: sha256(config), size: Buffer.byteLength(config) },
		layers: layers.map(({ descriptor }) => descriptor),
	});
	return { config, manifest, layers };
}

async function withPacked(
	engine: Engine,
	images: readonly BuiltImage[],
	mode: CacheMode,
	use: (packed: Packed) => Promise<void> | void,
): Promise<void> {
	const staging = stagingDirectory(engine.paths);
	try {
		await use(
			await pack(
				engine,
				images.flatMap((image) => recordsFor(image, mode)),
				staging,
			),
		);
	} finally {
		removeTree(staging);
	}
}

/** An OCI image layout; `index.json` is renamed into its place last, so that the old cache is whole until then. */
export function exportToDirectory(
	engine: Engine,
	images: readonly BuiltImage[],
	directory: string,
	mode: CacheMode,
): Promise<void> {
	return withPacked(engine, images, mode, ({ config, manifest, layers }) => {
		const blobs = `${directory}/blobs/sha256`;
		mkdirSync(blobs, { recursive: true });
		for (const { descriptor, path } of layers) copyFileSync(path, `${blobs}/${hexOf(descriptor.digest)}`);
		for (const text of [config, manifest]) writeFileSync(`${blobs}/${hexOf(sha256(text))}`, text);
		writeFileSync(`${directory}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
		const top = { mediaType: OCI_MANIFEST, digest: sha256(manifest), size: Buffer.byteLength(manifest) };
		writeFileSync(`${directory}/.index.json`, JSON.stringify({ schemaVersion: 2, manifests: [top] }));
		renameSync(`${directory}/.index.json`, `${directory}/index.json`);
	});
}

export function exportToRegistry(
	engine: Engine,
	images: readonly BuiltImage[],
	reference: Reference,
	mode: CacheMode,
	access: RegistryAccess,
): Promise<void> {
	const client = clientFor(reference, access, true);
	return withPacked(engine, images, mode, async ({ config, manifest, layers }) => {
		for (const { descriptor, path } of layers) await pushBlob(client, { ...descriptor, body: () => Bun.file(path) });
		const bytes = Buffer.from(config);
		await pushBlob(client, { digest: sha256(bytes), size: bytes.length, body: () => bytes });
		await pushManifest(client, reference.tag ?? "latest", manifest, OCI_MANIFEST);
	});
}
