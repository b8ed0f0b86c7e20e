/**
 * Layers of archives that name them by a path, not by a digest: which blob each is. docker writes them plain; crane, jib
 * and bazel's rules compress them, and the DiffIDs are of the plain archives either way.
 */
import { closeSync, createReadStream, openSync, readSync, writeSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { type Compression, decompress, detectCompression } from "../compression/decompress.ts";
import { MEDIA } from "../reference/spec.ts";

export interface LayerFile {
	/** Where it lies; its digest, media type and size as a blob. */
	readonly file: string;
	readonly digest: string;
	readonly size: number;
	readonly mediaType: string;
	/** Of the plain archive, where that is this file: others tell when they are unpacked. */
	readonly diffId: string | undefined;
}

const HEAD_BYTES = 16;

/** Media types of layers (image-spec layer.md; docker's schema 2). Registries have no name for the other compressions. */
const TYPES: Readonly<Partial<Record<Compression, string>>> = {
	none: MEDIA.dockerLayer,
	gzip: `${MEDIA.dockerLayer}.gzip`,
	zstd: `${MEDIA.ociLayer}+zstd`,
};

/** Reads it through for its digest. What is compressed in a way that no registry knows is kept plain, beside it. */
export async function layerFile(file: string): Promise<LayerFile> {
	const compression = detectCompression(headOf(file));
	const mediaType = TYPES[compression];
	if (mediaType === undefined) return layerFile(await plainBeside(file));
	const hash = new Bun.CryptoHasher("sha256");
	let size = 0;
	for await (const chunk of createReadStream(file)) {
		hash.update(chunk as Buffer);
		size += (chunk as Buffer).length;
	}
	const digest = `sha256:${hash.digest("hex")}`;
	return { file, digest, size, mediaType, diffId: compression === "none" ? digest : undefined };
}

function headOf(file: string): Uint8Array {
	const fd = openSync(file, "r");
	try {
		const head = new Uint8Array(HEAD_BYTES);
		return head.subarray(0, readSync(fd, head));
	} finally {
		closeSync(fd);
	}
}

/** Beyond this it is a bomb: no image has a layer of a terabyte. */
const MAX_PLAIN = 2 ** 40;

async function plainBeside(file: string): Promise<string> {
	const path = `${file}.plain`;
	const fd = openSync(path, "wx", 0o600);
	let size = 0;
	try {
		await decompress(createReadStream(file), Number.POSITIVE_INFINITY, (chunk) => {
			size += chunk.length;
			if (size > MAX_PLAIN) throw new EngineError("failed", "invalid archive: a layer is too large");
			for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at, chunk.length - at);
		});
	} finally {
		closeSync(fd);
	}
	return path;
}
