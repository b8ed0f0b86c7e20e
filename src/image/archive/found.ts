/** An image that an archive holds, before any of it is stored. */
import { EngineError } from "../../errors.ts";
import { canonical, parseReference } from "../reference/reference.ts";
import { type ImageConfig, MAX_LAYERS } from "../reference/spec.ts";

export interface FoundImage {
	/** The manifest and configuration as they are in the archive, byte for byte. */
	readonly manifest: Buffer;
	readonly configText: string;
	readonly config: ImageConfig;
	readonly id: string;
	readonly layers: readonly {
		readonly digest: string;
		readonly diffId: string;
		readonly file: string;
		/** The digest was taken from the file itself. */
		readonly verified: boolean;
	}[];
	/** Canonical references. */
	readonly names: readonly string[];
}

export function checkCount(diffIds: number, layers: number): void {
	if (layers > MAX_LAYERS)
		throw new EngineError("failed", `invalid archive: an image of more than ${MAX_LAYERS} layers`);
	if (diffIds !== layers) throw new EngineError("failed", `invalid archive: ${layers} layers but ${diffIds} DiffIDs`);
}

/** A name with a digest is a claim that an archive cannot make: only a registry's answer is checked against it. */
export const canonicalNames = (names: readonly string[]): string[] => [
	...new Set(
		names
			.map((name) => parseReference(name))
			.filter(({ digest }) => digest === undefined)
			.map(canonical),
	),
];
