/** The DiffID of a layer: the digest of its archive before it was compressed (image-spec config.md). */
import { createReadStream, statSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { decompress } from "../compression/decompress.ts";

/** Of an archive in a file, compressed or not. */
export async function diffIdOf(path: string): Promise<string> {
	const hash = new Bun.CryptoHasher("sha256");
	await decompress(createReadStream(path), statSync(path).size, (chunk) => hash.update(chunk));
	return `sha256:${hash.digest("hex")}`;
}

/** Throws unless the archive is the one that a layer, which is unpacked already, would have come from. */
export async function verifyDiffId(path: string, diffId: string): Promise<void> {
	const actual = await diffIdOf(path);
	if (actual !== diffId)
		throw new EngineError("failed", `The layer's content has digest ${actual}, its image says ${diffId}`);
}
