/** A stage while it is built: its layers and what its image says so far. */
import type { CachedLayer } from "../cache/cache.ts";
import { copyDefaults, type Defaults, emptyDefaults, type History, type Platform } from "./image-config.ts";
import { isUnsealed, type Pending, type Unsealed } from "./unsealed.ts";

export interface StageState {
	/** DiffIDs, bottom first. */
	layers: string[];
	history: History[];
	defaults: Defaults;
	/** ARGs with a value, which a stage that goes on from this one has too. */
	args: ReadonlyMap<string, string>;
	readonly platform: Platform;
	/** Digest of the base image's manifest, whose layers come with blobs. */
	baseManifest: string | undefined;
	/** The topmost layer, when it has no DiffID yet. */
	pending: Pending | undefined;
}

export const scratchState = (platform: Platform): StageState => ({
	layers: [],
	history: [],
	defaults: emptyDefaults(),
	args: new Map(),
	platform,
	baseManifest: undefined,
	pending: undefined,
});

/** What a stage begins with: its ONBUILD triggers are the first that is done. */
export const continueState = (from: StageState): StageState => ({
	...from,
	layers: [...from.layers],
	history: [...from.history],
	defaults: copyDefaults(from.defaults),
});

const COMMENT = "buildkit.dockerfile.v0";

export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** What only the configuration hears of gets the time of the layer before: an image that is all cached stays the same. */
export function pushMetadata(state: StageState, text: string, epoch: number | undefined): void {
	const created = epoch === undefined ? state.history.at(-1)?.created : isoTime(epoch * 1000);
	state.history.push({
		...(created === undefined ? {} : { created }),
		created_by: text,
		comment: COMMENT,
		empty_layer: true,
	});
}

export function pushLayer(
	state: StageState,
	text: string,
	layer: CachedLayer | Unsealed,
	epoch: number | undefined,
): void {
	if (isUnsealed(layer)) state.pending = { ...layer, index: state.layers.length };
	state.layers.push(isUnsealed(layer) ? "" : layer.diffId);
	const created = isoTime(epoch === undefined ? layer.created : epoch * 1000);
	state.history.push({ created, created_by: text, comment: COMMENT });
}
