/**
 * Decompression of layers: one small interface, a way for each format. fflate is pure JavaScript, in this thread, at once: best for
 * what is small. Bun's zlib runs native code on its own threads: six times as fast where there is much to do. zstd is
 * Bun's alone; bzip2 and xz, in which archives still come, are decompress-rare.ts. NANOCONTAINER_INFLATE=fflate or =zlib chooses for gzip.
 */

export type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

/** Below this many compressed bytes fflate is done before zlib's stream is set up (bench/inflate.ts). */
const FFLATE_BELOW = 64 * 1024;
/** Longest mark of a compression. */
const MARK_BYTES = 6;

/** By content, as docker does: media types of registries are not always true. */
export function detectCompression(head: Uint8Array): Compression {
	const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
	if (starts(0x1f, 0x8b)) return "gzip";
	if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
	// A skippable frame (RFC 8878, 3.1.2), with which parallel compressors begin.
	if (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return "zstd";
	if (starts(0x42, 0x5a, 0x68)) return "bzip2";
	if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return "xz";
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
	const head = await readHead(iterator);
	if (head.length === 0) return;
	const chunks = prepend(head, iterator);
	const compression = detectCompression(head);
	if (compression === "none") {
		for await (const chunk of chunks) sink(chunk);
	} else if (compression === "bzip2" || compression === "xz") {
		const { withBzip2, withXz } = await import("./decompress-rare.ts");
		await (compression === "bzip2" ? withBzip2(chunks, sink) : withXz(chunks, sink));
	} else {
		// Loaded when there is something to inflate: most commands see no archive.
		const { withFflate, withZlib } = await import("./inflate.ts");
		const small = choice === "fflate" || (choice !== "zlib" && size < FFLATE_BELOW);
		await (compression === "gzip" && small ? withFflate(chunks, sink) : withZlib(compression, chunks, sink));
	}
}

/** The first bytes, at least enough to tell what they are, however small the chunks that they come in. */
async function readHead(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
	let head = new Uint8Array();
	while (head.length < MARK_BYTES) {
		const next = await iterator.next();
		if (next.done) break;
		head = Buffer.concat([head, next.value]);
	}
	return head;
}

async function* prepend(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
	yield first;
	for (;;) {
		const next = await rest.next();
		if (next.done) return;
		yield next.value;
	}
}
