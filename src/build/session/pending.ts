/**
 * A layer that is made, and not yet named: its archive is still to be read for its digest. A step that looks for nothing
 * in the cache (--no-cache) leaves one, and a RUN that comes next starts on the directory as it is: the archive is read
 * while its program runs.
 */
import type { BuildSession } from "./session.ts";
import type { StageState } from "./state.ts";
import type { Pending } from "./unsealed.ts";

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
