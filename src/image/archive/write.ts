/**
 * An image as one file, both an OCI image layout (image-spec image-layout.md) and what `docker load` reads: blobs by
 * digest, `index.json`, and docker's `manifest.json` that names the same blobs. The same image gives the same bytes.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Paths } from "../../paths.ts";
import { blobPath, hasBlob, sha256 } from "../../store/blobs.ts";
import { hexOf, layerPath } from "../../store/layers.ts";
import { writeChangeset } from "../layer/diff.ts";
import { type Descriptor, MEDIA, type Platform } from "../reference/spec.ts";
import { encodeHeader, endOfArchive, padding, plainEntry } from "../tar/writer.ts";

const CHUNK = 1024 * 1024;

export interface ArchivedImage {
	readonly config: string;
	readonly manifest: string;
	readonly layers: readonly Pick<Descriptor, "digest" | "size">[];
	/** DiffIDs, bottom first: a layer without a blob is made from its directory. */
	readonly diffIds: readonly string[];
	readonly platform: Platform;
	/** "docker.io/library/x:latest" and as docker shows it. */
	readonly names: readonly { readonly canonical: string; readonly familiar: string }[];
}

/** Feeds the archive to `sink`; a chunk is good only during the call. Several images: one name for all platforms. */
export function writeImageArchive(
	paths: Paths,
	images: readonly ArchivedImage[],
	sink: (chunk: Uint8Array) => void,
): void {
	const [first, ...others] = images;
	if (!first) throw new Error("an archive of no image");
	const file = (path: string, content: string) => {
		const bytes = Buffer.from(content);
		sink(encodeHeader(plainEntry(path, bytes.length)));
		sink(bytes);
		sink(padding(bytes.length));
	};
	const blob = (digest: string) => `blobs/sha256/${hexOf(digest)}`;
	const index = others.length ? renderIndex(images) : undefined;
	file("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
	file(
		"index.json",
		JSON.stringify(layoutOf(index ?? first.manifest, index ? MEDIA.ociIndex : MEDIA.ociManifest, first)),
	);
	if (index) file(blob(sha256(index)), index);
	else file("manifest.json", JSON.stringify([dockerManifest(first, blob)]));
	const written = new Set<string>();
	const once = (digest: string) => !written.has(digest) && written.add(digest);
	for (const image of images) {
		for (const text of [image.config, image.manifest]) if (once(sha256(text))) file(blob(sha256(text)), text);
		for (const [i, { digest, size }] of image.layers.entries()) {
			if (!once(digest)) continue;
			sink(encodeHeader(plainEntry(blob(digest), size)));
			writeLayerBlob(paths, digest, image.diffIds[i] ?? digest, sink);
			sink(padding(size));
		}
	}
	sink(endOfArchive());
}

/** What `docker load` goes by. */
const dockerManifest = ({ config, names, layers }: ArchivedImage, blob: (digest: string) => string): object => ({
	Config: blob(sha256(config)),
	RepoTags: names.length ? names.map(({ familiar }) => familiar) : null,
	Layers: layers.map(({ digest }) => blob(digest)),
});

const descriptorOf = (document: string, mediaType: string) => ({
	mediaType,
	digest: sha256(document),
	size: Buffer.byteLength(document),
});

/** One image for several platforms (image-spec image-index.md). */
export function renderIndex(images: readonly Pick<ArchivedImage, "manifest" | "platform">[]): string {
	return JSON.stringify({
		schemaVersion: 2,
		mediaType: MEDIA.ociIndex,
		manifests: images.map(({ manifest, platform: { os, architecture, variant } }) => ({
			...descriptorOf(manifest, MEDIA.ociManifest),
			platform: { os, architecture, ...(variant ? { variant } : {}) },
		})),
	});
}

/** A layer as it is named by `digest`: its blob, or its directory told as an archive once more. */
export function writeLayerBlob(paths: Paths, digest: string, diffId: string, sink: (chunk: Uint8Array) => void): void {
	if (!hasBlob(paths, digest)) {
		writeChangeset(layerPath(paths, diffId), sink);
		return;
	}
	const file = openSync(blobPath(paths, digest), "r");
	try {
		const buffer = Buffer.allocUnsafe(CHUNK);
		for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer)) sink(buffer.subarray(0, n));
	} finally {
		closeSync(file);
	}
}

/** `index.json` of an image layout: the document, once for each name. */
function layoutOf(document: string, mediaType: string, { names }: ArchivedImage): object {
	const descriptor = descriptorOf(document, mediaType);
	const named = names.map(({ canonical, familiar }) => ({
		...descriptor,
		annotations: {
			"io.containerd.image.name": canonical,
			"org.opencontainers.image.ref.name": familiar.slice(familiar.lastIndexOf(":") + 1),
		},
	}));
	return { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: named.length ? named : [descriptor] };
}
