/** A layer that is made, and has no name yet: which it is, and how one is made. */
import type { CachedLayer } from "../cache/cache.ts";
import type { NewLayer } from "./layer.ts";

export interface Unsealed {
	readonly made: NewLayer;
	/** By which the cache is to find it. */
	readonly keys: readonly string[];
	readonly description: string;
	/** Milliseconds since 1970. */
	readonly created: number;
}

export interface Pending extends Unsealed {
	/** Its place in the stage's layers. */
	readonly index: number;
}

export const isUnsealed = (layer: CachedLayer | Unsealed): layer is Unsealed => "made" in layer;

/** Makes a layer; when that fails, nothing of it stays. */
export async function makeUnsealed(
	made: NewLayer,
	description: string,
	fill: () => Promise<readonly string[]>,
): Promise<Unsealed> {
	try {
		const keys = await fill();
		return { made, keys, description, created: Date.now() };
	} catch (error) {
		made[Symbol.dispose]();
		throw error;
	}
}
