/** One layer: compressed bytes in, a verified directory out. */
import { EngineError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { commitLayer, stageLayer } from "../../store/layers.ts";
import { removeTree } from "../../sys/tree.ts";
import { decompress } from "../compression/decompress.ts";
import { TarReader } from "../tar/reader.ts";
import { LayerWriter } from "./unpack.ts";

export interface LayerSource {
	readonly diffId: string;
	/** Bytes, compressed. */
	readonly size: number;
	readonly bytes: AsyncIterable<Uint8Array>;
	/** Called before the layer becomes visible; throws if the compressed bytes were not what they should be. */
	readonly verify: () => Promise<void> | void;
}

/** Unpacks a layer; returns the bytes of its files. The caller holds its lock. Nothing is left when it fails. */
export async function extractLayer(paths: Paths, source: LayerSource): Promise<number> {
	const staged = stageLayer(paths, source.diffId);
	try {
		const hash = new Bun.CryptoHasher("sha256");
		using writer = new LayerWriter(staged);
		const reader = new TarReader(writer);
		await decompress(source.bytes, source.size, (chunk) => {
			hash.update(chunk);
			reader.push(chunk);
		});
		reader.finish();
		writer.finish();
		await source.verify();
		const actual = `sha256:${hash.digest("hex")}`;
		if (actual !== source.diffId) {
			throw new EngineError("failed", `The layer's content has digest ${actual}, its image says ${source.diffId}`);
		}
		commitLayer(paths, source.diffId, staged);
		return writer.size;
	} catch (error) {
		removeTree(staged);
		throw error;
	}
}
