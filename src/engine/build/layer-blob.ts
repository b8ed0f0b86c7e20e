/** A layer as registries want it: its archive, compressed. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { type LayerDescriptor, OCI_LAYER } from "../../build/manifest.ts";
import { writeLayerBlob } from "../../image/archive/write.ts";
import type { Paths } from "../../paths.ts";

export interface LayerBlob {
	readonly descriptor: LayerDescriptor;
	readonly path: string;
}

/** Writes a layer to `path` through gzip; `path`.tar is used on the way. The same layer gives the same bytes. */
export async function compressLayer(paths: Paths, diffId: string, path: string): Promise<LayerBlob> {
	const plain = openSync(`${path}.tar`, "w", 0o600);
	try {
		writeLayerBlob(paths, diffId, diffId, (chunk) => writeAll(plain, chunk));
	} finally {
		closeSync(plain);
	}
	const out = openSync(path, "w", 0o644);
	try {
		const { digest, size } = await gzip(`${path}.tar`, (chunk) => writeAll(out, chunk));
		return { descriptor: { mediaType: `${OCI_LAYER}+gzip`, digest, size }, path };
	} finally {
		closeSync(out);
		rmSync(`${path}.tar`);
	}
}

async function gzip(path: string, sink: (chunk: Uint8Array) => void): Promise<{ digest: string; size: number }> {
	const hash = new Bun.CryptoHasher("sha256");
	let size = 0;
	const { createGzip } = await import("node:zlib"); // loaded when there is something to compress
	const stream = createGzip();
	const done = (async () => {
		for await (const chunk of stream as AsyncIterable<Uint8Array>) {
			hash.update(chunk);
			size += chunk.length;
			sink(chunk);
		}
	})();
	for await (const chunk of Bun.file(path).stream()) {
		if (!stream.write(chunk)) await new Promise((resolve) => stream.once("drain", resolve));
	}
	stream.end();
	await done;
	return { digest: `sha256:${hash.digest("hex")}`, size };
}

function writeAll(file: number, chunk: Uint8Array): void {
	for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
}
