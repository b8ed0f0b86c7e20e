/**
 * An image as one file, both an OCI image layout (image-spec image-layout.md) and what `docker load` reads: blobs by
 * digest, `index.json`, and docker's `manifest.json` that names the same blobs. The same image gives the same bytes.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Paths } from "../paths.ts";
import { blobPath, hasBlob, sha256 } from "../store/blobs.ts";
import { hexOf, layerPath } from "../store/layers.ts";
import { writeChangeset } from "./diff.ts";
import type { Descriptor } from "./spec.ts";
import { encodeHeader, endOfArchive, padding, plainEntry } from "./tar-writer.ts";

const CHUNK = 1024 * 1024;

export interface ArchivedImage {
	readonly config: string;
	readonly manifest: string;
	readonly layers: readonly Pick<Descriptor, "digest" | "size">[];
	/** DiffIDs, bottom first: a layer without a blob is made from its directory. */
	readonly diffIds: readonly string[];
	/** "docker.io/library/x:latest" and as docker shows it. */
	readonly names: readonly { readonly canonical: string; readonly familiar: string }[];
}

/** Feeds the archive to `sink`; a chunk is good only during the call. */
export function writeImageArchive(paths: Paths, image: ArchivedImage, sink: (chunk: Uint8Array) => void): void {
	const file = (path: string, content: string) => {
		const bytes = Buffer.from(content);
		sink(encodeHeader(plainEntry(path, bytes.length)));
		sink(bytes);
		sink(padding(bytes.length));
	};
	const blob = (digest: string) => `blobs/sha256/${hexOf(digest)}`;
	file("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
	file("index.json", JSON.stringify(indexOf(image)));
	file(
		"manifest.json",
		JSON.stringify([
			{
				Config: blob(sha256(image.config)),
				RepoTags: image.names.length ? image.names.map(({ familiar }) => familiar) : null,
				Layers: image.layers.map(({ digest }) => blob(digest)),
			},
		]),
	);
	file(blob(sha256(image.config)), image.config);
	file(blob(sha256(image.manifest)), image.manifest);
	const written = new Set<string>();
	for (const [i, { digest, size }] of image.layers.entries()) {
		if (written.has(digest)) continue;
		written.add(digest);
		sink(encodeHeader(plainEntry(blob(digest), size)));
		writeLayerBlob(paths, digest, image.diffIds[i] ?? digest, sink);
		sink(padding(size));
	}
	sink(endOfArchive());
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

function indexOf({ manifest, names }: ArchivedImage): object {
	const descriptor = {
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		digest: sha256(manifest),
		size: Buffer.byteLength(manifest),
	};
	const named = names.map(({ canonical, familiar }) => ({
		...descriptor,
		annotations: {
			"io.containerd.image.name": canonical,
			"org.opencontainers.image.ref.name": familiar.slice(familiar.lastIndexOf(":") + 1),
		},
	}));
	return {
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.index.v1+json",
		manifests: named.length ? named : [descriptor],
	};
}
