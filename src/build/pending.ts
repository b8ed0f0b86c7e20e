/**
 * A layer that is made, and not yet named: its archive is still to be read for its digest. A step that looks for nothing
 * in the cache (--no-cache) leaves one, and a RUN that comes next starts on the directory as it is: the archive is read
 * while its program runs.
 */
import type { CachedLayer } from "./cache.ts";
import type { NewLayer } from "./layer.ts";
import type { BuildSession } from "./session.ts";
import type { StageState } from "./state.ts";

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

/** Takes the digest that is still to be taken, and notes the layer under its name. */
export async function settlePending(session: BuildSession, state: StageState): Promise<void> {
	const { pending } = state;
	if (!pending) return;
	state.pending = undefined;
	try {
		await sealInto(session, state, pending);
	} finally {
		pending.made[Symbol.dispose]();
	}
}

/** The same, for who still stands on the directory, and disposes of it later. */
export async function sealInto(session: BuildSession, state: StageState, pending: Pending): Promise<void> {
	const { made, keys, description, created, index } = pending;
	const diffId = await made.seal(session.db, session.clampTo);
	for (const key of keys) session.cache.remember({ key, diffId, created, description });
	state.layers[index] = diffId;
}

/** A build that fails leaves nothing behind. */
export function dropPending(state: StageState): void {
	state.pending?.made[Symbol.dispose]();
	state.pending = undefined;
}
