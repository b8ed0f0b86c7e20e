/** gzip and zstd, by fflate in this thread or by Bun's zlib on its own (decompress.ts chooses). */
import { constants, crc32, createGunzip, createZstdDecompress } from "node:zlib";
import { Gunzip } from "fflate";
import { EngineError } from "../../errors.ts";
import { corrupt } from "./corrupt.ts";

/** What comes out at a time, what goes in, and how much may wait between inflating and unpacking. */
const CHUNK = 256 * 1024;
const PIECE = 256 * 1024;
const QUEUE = 4;
/** fflate holds all that one piece unfolds to, a thousandfold at worst. */
const FFLATE_PIECE = 4 * 1024;
/** A frame may ask for a window as large as this; more is a bomb, or made for another use. 2^27 is what `zstd --long` makes. */
const ZSTD_WINDOW_LOG = 27;

/**
 * fflate neither checks a member's checksum and length (RFC 1952) nor minds bytes behind the last one. So its end is
 * looked at here: the last eight bytes that are not padding must be those of what came out.
 */
export async function withFflate(chunks: AsyncIterable<Uint8Array>, sink: (bytes: Uint8Array) => void): Promise<void> {
	let sum = 0;
	let length = 0;
	let tail = new Uint8Array();
	let ended = false;
	const inflate = new Gunzip((bytes, final) => {
		sum = crc32(bytes, sum);
		length += bytes.length;
		sink(bytes);
		ended = final;
	});
	inflate.onmember = () => {
		sum = length = 0; // each member after the first has a checksum of its own
	};
	try {
		// One piece is held back, so that the last can be pushed as the last.
		let held: Uint8Array | undefined;
		for await (const chunk of chunks) {
			for (let at = 0; at < chunk.length; at += FFLATE_PIECE) {
				if (held) inflate.push(held);
				held = new Uint8Array(chunk.subarray(at, at + FFLATE_PIECE)); // the chunk is good only until the next
				tail = Buffer.concat([tail, held]).subarray(-TAIL_BYTES);
			}
		}
		inflate.push(withoutPadding(held ?? new Uint8Array()), true);
	} catch (cause) {
		if (cause instanceof EngineError) throw cause;
		throw corrupt(cause);
	}
	if (!ended || !endsWith(tail, sum, length)) throw corrupt(undefined);
}

const TAIL_BYTES = 1024;

/** Zeros behind the last member are padding, as gzip(1) takes them; up to four belong to a length of less than 2^24. */
function withoutPadding(piece: Uint8Array): Uint8Array {
	let end = piece.length;
	while (end > 0 && piece[end - 1] === 0) end--;
	return piece.subarray(0, Math.min(piece.length, end + 4));
}

/** Whether the stream's last eight bytes, before any padding, are this checksum and this length. */
function endsWith(tail: Uint8Array, sum: number, length: number): boolean {
	const expected = Buffer.alloc(8);
	expected.writeUInt32LE(sum >>> 0, 0);
	expected.writeUInt32LE(length >>> 0, 4);
	const at = Buffer.from(tail).lastIndexOf(expected);
	return at >= 0 && tail.subarray(at + 8).every((byte) => byte === 0);
}

/**
 * Pieces are small, and one is through before the next is written: a bomb unfolds a thousandfold, and what one write
 * unfolds to is all in memory at once.
 */
export async function withZlib(
	format: "gzip" | "zstd",
	chunks: AsyncIterable<Uint8Array>,
	sink: (bytes: Uint8Array) => void,
): Promise<void> {
	const stream = streamOf(format);
	let failure: unknown;
	const end = Promise.withResolvers<void>();
	const queue: Uint8Array[] = [];
	let ended = false;
	let scheduled = false;
	const fail = (error: unknown) => {
		failure ??= error;
		stream.destroy();
		end.resolve();
	};
	const settle = () => {
		if (failure !== undefined || (ended && queue.length === 0)) end.resolve();
	};
	// What has come out is worked on while zlib's own thread inflates the next.
	const drain = () => {
		scheduled = false;
		const bytes = queue.shift();
		try {
			if (bytes && failure === undefined) sink(bytes);
		} catch (error) {
			fail(error);
		}
		if (queue.length) schedule();
		if (queue.length < QUEUE / 2 && stream.isPaused()) stream.resume();
		settle();
	};
	const schedule = () => {
		if (scheduled) return;
		scheduled = true;
		setImmediate(drain);
	};
	stream.on("data", (bytes: Uint8Array) => {
		queue.push(bytes);
		if (queue.length >= QUEUE) stream.pause();
		schedule();
	});
	stream.on("error", (cause) => fail(corrupt(cause)));
	stream.on("end", () => {
		ended = true;
		settle();
	});
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

const streamOf = (format: "gzip" | "zstd"): ReturnType<typeof createGunzip> =>
	format === "gzip"
		? createGunzip({ chunkSize: CHUNK })
		: createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } });
