/** bzip2 and xz: the formats of archives from before images. Loaded only when one comes. */
import unbzip2 from "unbzip2-stream";
import { XzReadableStream } from "xz-decompress";
import { EngineError } from "../../errors.ts";
import { corrupt } from "./corrupt.ts";

type Sink = (bytes: Uint8Array) => void;

/** What goes into the decoder at a time: what comes out of it goes into the sink before the next. */
const PIECE = 64 * 1024;

export async function withBzip2(chunks: AsyncIterable<Uint8Array>, sink: Sink): Promise<void> {
	const decoder = unbzip2();
	let failure: unknown;
	decoder.on("error", (error) => {
		failure ??= corrupt(error);
	});
	decoder.on("data", (bytes) => {
		if (failure !== undefined) return;
		try {
			sink(bytes);
		} catch (error) {
			failure = error;
		}
	});
	try {
		for await (const chunk of chunks) {
			for (let at = 0; at < chunk.length && failure === undefined; at += PIECE) {
				decoder.write(Buffer.from(chunk.subarray(at, at + PIECE))); // a copy: it is kept until it is used up
			}
			if (failure !== undefined) break;
		}
		if (failure === undefined) decoder.end();
	} catch (error) {
		// A file that is cut off makes it read beyond its end.
		failure ??= error instanceof EngineError ? error : corrupt(error);
	}
	if (failure !== undefined) throw failure;
}

/** The decoder gives empty pieces now and then; so many in a row mean that it has no more to work on. */
const STUCK = 16;

/** Where a file is cut off, the decoder would give empty pieces for ever. */
export async function withXz(chunks: AsyncIterable<Uint8Array>, sink: Sink): Promise<void> {
	const reader = new XzReadableStream(streamOf(chunks)).getReader();
	try {
		await readXz(reader, sink);
	} finally {
		// All decoders share one memory, and the next waits for it, for ever if need be: whatever ends this gives it back.
		await reader.cancel().catch(() => {});
	}
}

interface XzReader {
	readonly read: () => Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

async function readXz(reader: XzReader, sink: Sink): Promise<void> {
	for (let empty = 0; empty < STUCK; ) {
		let next: Awaited<ReturnType<typeof reader.read>>;
		try {
			next = await reader.read();
		} catch (error) {
			throw corrupt(error);
		}
		if (next.done) return;
		const bytes = next.value ?? new Uint8Array();
		empty = bytes.length ? 0 : empty + 1;
		if (bytes.length) sink(bytes);
	}
	throw corrupt(new Error("it ends too early"));
}

function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
	const iterator = chunks[Symbol.asyncIterator]();
	return new ReadableStream({
		async pull(controller) {
			const next = await iterator.next();
			if (next.done) controller.close();
			else controller.enqueue(new Uint8Array(next.value)); // the chunk is good only until the next
		},
	});
}
