/** `container prune`: those that do not run. */
import type { ListedContainer } from "../../store/container-record.ts";
import { listContainers } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";
import { checkKeys, type Filters, labelMatches, passes, type Tests } from "../filters.ts";
import { removeContainer } from "../settle/erase.ts";
import { containerSizes } from "../view/sizes.ts";

export interface PrunedContainers {
	readonly ids: readonly string[];
	/** Bytes of what they had written. */
	readonly reclaimed: number;
}

const TESTS: Tests<ListedContainer> = {
	until: ({ created }, value) => created < Date.parse(value),
	label: ({ config }, value) => labelMatches(config.labels, value),
	"label!": ({ config }, value) => !labelMatches(config.labels, value),
};
const STOPPED = ["created", "exited", "dead"];

/** `until`: times as `Date.parse` reads them. Their anonymous volumes stay: `volume prune` takes them. */
export function pruneContainers(engine: Engine, filters: Filters): PrunedContainers {
	checkKeys(filters, Object.keys(TESTS));
	const ids: string[] = [];
	let reclaimed = 0;
	for (const container of listContainers(engine.db)) {
		if (!STOPPED.includes(container.state.status) || !passes(container, filters, TESTS)) continue;
		const { own } = containerSizes(engine, container);
		using lock = engine.lock(container.id);
		// Somebody has started, or removed, it meanwhile.
		if (!lock.container || !STOPPED.includes(lock.container.state.status)) continue;
		removeContainer(engine, lock.container, false);
		ids.push(container.id);
		reclaimed += own;
	}
	return { ids, reclaimed };
}
