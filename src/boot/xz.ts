/** The xz format, for modules of kernels that cannot unpack them themselves. */
import { XzReadableStream } from "xz-decompress";

/** The decoder gives empty pieces now and then; so many in a row mean that it has no more to work on. */
const STUCK = 16;

/**
 * Unpacks a whole .xz file. Errors: "ends too early", or what the decoder says of damaged data. Where a file is cut
 * off, the decoder would give empty pieces for ever.
 */
export async function unpackXz(bytes: Uint8Array): Promise<Uint8Array> {
	const reader = new XzReadableStream(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()).getReader();
	const pieces: Uint8Array[] = [];
	for (let empty = 0; empty < STUCK; ) {
		const { done, value } = await reader.read();
		if (done) return Buffer.concat(pieces);
		empty = value.length ? 0 : empty + 1;
		pieces.push(value);
	}
	await reader.cancel();
	throw new Error("the xz file ends too early");
}
