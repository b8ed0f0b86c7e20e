/** The manifest of an image that was built here. Layers of the base keep the blobs they came as; new ones are archives. */
import { Manifest, parseDocument } from "../image/reference/spec.ts";
import type { Paths } from "../paths.ts";
import { hasBlob, readBlob, sha256 } from "../store/blobs.ts";
import type { Db } from "../store/database.ts";
import { layerArchiveSize } from "../store/images.ts";
import { layerPath } from "../store/layers.ts";
import { digestLayer } from "./session/layer.ts";

export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export interface LayerDescriptor {
	readonly mediaType: string;
	readonly digest: string;
	readonly size: number;
}

/** docker's names of layers, in OCI's words. */
function ociType(mediaType: string): string {
	if (/gzip$/.test(mediaType)) return `${OCI_LAYER}+gzip`;
	if (/zstd$/.test(mediaType)) return `${OCI_LAYER}+zstd`;
	return OCI_LAYER;
}

/** Descriptors of an image's layers as they are stored: blobs where there are some, else archives made on demand. */
export function storedLayers(
	db: Db,
	paths: Paths,
	layers: readonly string[],
	baseManifest: string | undefined,
): LayerDescriptor[] {
	const base =
		baseManifest !== undefined && hasBlob(paths, baseManifest)
			? parseDocument(Manifest, readBlob(paths, baseManifest), "stored manifest").layers
			: [];
	return layers.map((diffId, i) => {
		const known = base[i];
		if (known) return { mediaType: ociType(known.mediaType), digest: known.digest, size: known.size };
		const size = layerArchiveSize(db, diffId) ?? digestLayer(layerPath(paths, diffId)).archiveSize;
		return { mediaType: OCI_LAYER, digest: diffId, size };
	});
}

export function renderManifest(
	config: string,
	layers: readonly LayerDescriptor[],
	annotations: Readonly<Record<string, string>> = {},
): string {
	return JSON.stringify({
		schemaVersion: 2,
		mediaType: OCI_MANIFEST,
		config: { mediaType: OCI_CONFIG, digest: sha256(config), size: Buffer.byteLength(config) },
		layers,
		...(Object.keys(annotations).length ? { annotations } : {}),
	});
}
