/** Built images that leave: as an archive, or to a registry. */
import type { BuiltImage } from "../../build/built-image.ts";
import { type LayerDescriptor, OCI_MANIFEST, renderManifest, storedLayers } from "../../build/manifest.ts";
import type { Platform } from "../../build/session/image-config.ts";
import { type ArchivedImage, renderIndex } from "../../image/archive/write.ts";
import { canonical, familiar, parseReference, type Reference } from "../../image/reference/reference.ts";
import { MEDIA } from "../../image/reference/spec.ts";
import type { RegistryClient } from "../../registry/client.ts";
import { pushBlob, pushManifest } from "../../registry/upload.ts";
import { blobPath, hasBlob, sha256 } from "../../store/blobs.ts";
import { stagingDirectory } from "../../store/staging.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { clientFor, type RegistryAccess } from "../registry-access.ts";
import { compressLayer } from "./layer-blob.ts";

export function archiveOf(
	{ db, paths }: Engine,
	image: BuiltImage,
	tags: readonly string[],
	annotations: ReadonlyMap<string, string>,
): ArchivedImage {
	const layers = storedLayers(db, paths, image.layers, image.baseManifest);
	return {
		config: image.config,
		manifest: renderManifest(image.config, layers, Object.fromEntries(annotations)),
		layers,
		diffIds: image.layers,
		platform: image.platform,
		names: tags.map((tag) => {
			const name = canonical(parseReference(tag));
			return { canonical: name, familiar: familiar(name) };
		}),
	};
}

export interface PushOptions extends RegistryAccess {
	readonly annotations: ReadonlyMap<string, string>;
}

/** Sends what the registry lacks, the manifest last; of several platforms, an index of all. Returns its digest. */
export async function pushBuilt(
	engine: Engine,
	images: readonly BuiltImage[],
	reference: Reference,
	options: PushOptions,
): Promise<string> {
	const { tag = "latest" } = reference;
	const client = clientFor(reference, options, true);
	const sent: { manifest: string; platform: Platform }[] = [];
	for (const image of images) {
		const manifest = await pushContent(engine, client, image, options.annotations);
		await pushManifest(client, images.length === 1 ? tag : sha256(manifest), manifest, OCI_MANIFEST);
		sent.push({ manifest, platform: image.platform });
	}
	if (sent.length === 1) return sha256(sent[0]?.manifest ?? "");
	const index = renderIndex(sent);
	await pushManifest(client, tag, index, MEDIA.ociIndex);
	return sha256(index);
}

/** Layers and configuration. Returns the manifest that names them. */
async function pushContent(
	{ db, paths }: Engine,
	client: RegistryClient,
	image: BuiltImage,
	annotations: ReadonlyMap<string, string>,
): Promise<string> {
	const staging = stagingDirectory(paths);
	try {
		const layers: LayerDescriptor[] = [];
		for (const [i, stored] of storedLayers(db, paths, image.layers, image.baseManifest).entries()) {
			const { descriptor, path } = hasBlob(paths, stored.digest)
				? { descriptor: stored, path: blobPath(paths, stored.digest) }
				: await compressLayer(paths, image.layers[i] ?? "", `${staging}/${i}`);
			await pushBlob(client, { ...descriptor, body: () => Bun.file(path) });
			layers.push(descriptor);
		}
		const config = Buffer.from(image.config);
		await pushBlob(client, { digest: sha256(config), size: config.length, body: () => config });
		return renderManifest(image.config, layers, Object.fromEntries(annotations));
	} finally {
		removeTree(staging);
	}
}
