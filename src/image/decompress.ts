/**
 * Decompression of layers: one small interface, three ways. fflate is pure JavaScript, in this thread, at once: best for
 * what is small. Bun's zlib runs native code on its own threads: six times as fast where there is much to do. zstd is
 * Bun's alone. NANOCONTAINER_INFLATE=fflate or =zlib chooses for gzip.
 */
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Gunzip } from "fflate";
import { EngineError } from "../errors.ts";

export type Compression = "none" | "gzip" | "zstd";

/** Below this many compressed bytes fflate is done before zlib's stream is set up (bench/inflate.ts). */
const FFLATE_BELOW = 64 * 1024;
const CHUNK = 256 * 1024;
const PIECE = 64 * 1024;

/** By content, as docker does: media types of registries are not always true. */
export function detectCompression(head: Uint8Array): Compression {
	const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
	if (starts(0x1f, 0x8b)) return "gzip";
	if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
	if (starts(0x42, 0x5a, 0x68) || starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) {
		throw new EngineError("unsupported", "The layer is compressed with bzip2 or xz, which images may not be");
	}
	return "none";
}

/** Feeds what `source` decompresses to into `sink`, chunk by chunk. `size` is of the compressed bytes. */
export async function decompress(
	source: AsyncIterable<Uint8Array>,
	size: number,
	sink: (bytes: Uint8Array) => void,
	choice: string | undefined = process.env["NANOCONTAINER_INFLATE"],
): Promise<void> {
	const iterator = source[Symbol.asyncIterator]();
	const first = await iterator.next();
	if (first.done) return;
	const chunks = prepend(first.value, iterator);
	const compression = detectCompression(first.value);
	if (compression === "none") {
		for await (const chunk of chunks) sink(chunk);
	} else if (compression === "gzip" && (choice === "fflate" || (choice !== "zlib" && size < FFLATE_BELOW))) {
		await withFflate(chunks, sink);
	} else {
		await withStream(
			compression === "gzip" ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK }),
			chunks,
			sink,
		);
	}
}

async function* prepend(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
	yield first;
	for (;;) {
		const next = await rest.next();
		if (next.done) return;
		yield next.value;
	}
}

async function withFflate(chunks: AsyncIterable<Uint8Array>, sink: (bytes: Uint8Array) => void): Promise<void> {
	let ended = false;
	const inflate = new Gunzip((bytes, final) => {
		sink(bytes);
		ended = final;
	});
	try {
		// One chunk is held back, so that the last can be pushed as the last.
		let held: Uint8Array | undefined;
		for await (const chunk of chunks) {
			if (held) inflate.push(held);
			held = chunk.slice();
		}
		inflate.push(held ?? new Uint8Array(), true);
	} catch (cause) {
		if (cause instanceof EngineError) throw cause;
		throw corrupt(cause);
	}
	if (!ended) throw corrupt(undefined);
}

/**
 * Pieces are small, and one is through before the next is written: a bomb unfolds a thousandfold, and what one write
 * unfolds to is all in memory at once.
 */
async function withStream(
	stream: ReturnType<typeof createGunzip>,
	chunks: AsyncIterable<Uint8Array>,
	sink: (bytes: Uint8Array) => void,
): Promise<void> {
	let failure: unknown;
	const end = Promise.withResolvers<void>();
	const fail = (error: unknown) => {
		failure ??= error;
		stream.destroy();
		end.resolve();
	};
	stream.on("data", (bytes: Uint8Array) => {
		try {
			if (failure === undefined) sink(bytes);
		} catch (error) {
			fail(error);
		}
	});
	stream.on("error", (cause) => fail(corrupt(cause)));
	stream.on("end", () => end.resolve());
	try {
		for await (const chunk of chunks) {
			for (let at = 0; at < chunk.length && failure === undefined; at += PIECE) {
				await Promise.race([written(stream, chunk.subarray(at, at + PIECE)), end.promise]);
			}
			if (failure !== undefined) break;
		}
		if (failure === undefined) stream.end();
	} catch (error) {
		fail(error);
	}
	await end.promise;
	if (failure !== undefined) throw failure;
}

const written = (stream: ReturnType<typeof createGunzip>, piece: Uint8Array): Promise<void> =>
	new Promise((resolve) => {
		stream.write(piece, () => resolve());
	});

const corrupt = (cause: unknown): EngineError =>
	new EngineError("failed", "The layer's compressed data is corrupt", { cause });
