/** An archive that is no layer, into a directory. */
import { decompress } from "../compression/decompress.ts";
import { TarReader } from "../tar/reader.ts";
import { LayerWriter } from "./unpack.ts";

/** Unpacks an archive, as it comes, into an empty directory of ours. */
export async function unpackStream(bytes: AsyncIterable<Uint8Array>, directory: string): Promise<void> {
	using writer = new LayerWriter(directory, { whiteouts: false });
	const reader = new TarReader(writer);
	await decompress(bytes, Number.POSITIVE_INFINITY, (chunk) => reader.push(chunk));
	reader.finish();
	writer.finish();
}
