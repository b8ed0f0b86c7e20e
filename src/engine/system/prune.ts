/** `system prune`: everything that nothing uses, those first that use others. */
import { type CacheRecord, pruneCache } from "../build/cache.ts";
import { type PrunedContainers, pruneContainers } from "../container/prune.ts";
import type { Engine } from "../engine.ts";
import type { Filters } from "../filters.ts";
import { type PrunedImages, pruneImages } from "../image/prune.ts";
import { pruneNetworks } from "../network/remove.ts";
import { type PrunedVolumes, pruneVolumes } from "../volume/remove.ts";

export interface PruneEverything {
	/** Images that have names too, and what they share with the build cache. */
	readonly all: boolean;
	/** Anonymous volumes. */
	readonly volumes: boolean;
	/** "label", "label!", "until", which volumes do not have. */
	readonly filters: Filters;
}

export interface PrunedSystem {
	readonly containers: PrunedContainers;
	readonly volumes: PrunedVolumes;
	readonly networks: readonly string[];
	readonly images: PrunedImages;
	readonly cache: readonly CacheRecord[];
	/** Bytes. */
	readonly reclaimed: number;
}

export function pruneSystem(engine: Engine, { all, volumes: withVolumes, filters }: PruneEverything): PrunedSystem {
	const containers = pruneContainers(engine, filters);
	const volumes = withVolumes ? pruneVolumes(engine, { all: false, filters }) : { names: [], reclaimed: 0 };
	const networks = pruneNetworks(engine, filters);
	const images = pruneImages(engine, { all, filters });
	const until = filters.get("until")?.at(-1);
	const cache = pruneCache(engine, {
		all,
		until: until === undefined ? undefined : Date.parse(until),
		keepBytes: 0,
	});
	const freed = cache.filter(({ shared }) => !shared).reduce((sum, { size }) => sum + size, 0);
	const reclaimed = containers.reclaimed + volumes.reclaimed + images.reclaimed + freed;
	return { containers, volumes, networks, images, cache, reclaimed };
}
