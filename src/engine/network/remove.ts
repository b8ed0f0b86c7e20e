/** `network rm` and `network prune`. */
import { EngineError } from "../../errors.ts";
import { closeForeignChains } from "../../network/foreign-rules.ts";
import { hasRules } from "../../network/table.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { listContainers } from "../../store/containers.ts";
import { addressesOf, deleteNetwork, listNetworks, type NetworkRecord } from "../../store/networks.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { checkKeys, type Filters, labelMatches, passes, type Tests } from "../filters.ts";
import { PREDEFINED } from "./default.ts";
import { findNetwork } from "./find.ts";
import { networkLock, rebuildTable } from "./table.ts";

/** Containers that run in it. */
export const activeIn = (engine: Engine, { id }: NetworkRecord): ListedContainer[] =>
	listContainers(engine.db).filter(({ state }) =>
		state.endpoints.some(({ network, lease }) => network === id && lease),
	);

/** Throws EngineError where a container runs in it. Containers that don't run lose it when they are to start again. */
export function removeNetwork(engine: Engine, nameOrId: string): void {
	const network = findNetwork(engine, nameOrId);
	if (PREDEFINED.includes(network.name)) {
		throw new EngineError("conflict", `${network.name} is a pre-defined network and cannot be removed`);
	}
	take(engine, network);
}

/** First what is on the host, then the record: what a kill leaves between is made again by who needs it, or removed again. */
function take(engine: Engine, network: NetworkRecord): void {
	using _lock = networkLock(engine);
	engine.transaction(() => {
		// An address is given out before the container is on record with it.
		if (activeIn(engine, network).length || addressesOf(engine.db, network.id).length) {
			throw new EngineError(
				"conflict",
				`error while removing network: network ${network.name} id ${network.id} has active endpoints`,
			);
		}
		using rtnetlink = new Rtnetlink();
		if (network.config.driver === "bridge") {
			rtnetlink.deleteLink(network.config.device);
			if (hasRules()) rebuildTable(engine, network.id);
			closeForeignChains(network.config.device);
		}
		deleteNetwork(engine.db, network.id);
	});
	removeTree(`${engine.paths.zones}/${network.id}`);
}

const TESTS: Tests<NetworkRecord> = {
	until: ({ created }, value) => created < Date.parse(value),
	label: ({ config }, value) => labelMatches(config.labels, value),
	"label!": ({ config }, value) => !labelMatches(config.labels, value),
};

/** Removes those that no container is connected to, running or not. Returns their names. */
export function pruneNetworks(engine: Engine, filters: Filters): string[] {
	checkKeys(filters, Object.keys(TESTS));
	const used = new Set(listContainers(engine.db).flatMap(({ state }) => state.endpoints.map(({ network }) => network)));
	return listNetworks(engine.db)
		.filter(({ id, name }) => !used.has(id) && !PREDEFINED.includes(name))
		.filter((network) => passes(network, filters, TESTS))
		.filter((network) => tryTake(engine, network))
		.map(({ name }) => name);
}

/** Whether it is gone: a container may just have been started in it. */
function tryTake(engine: Engine, network: NetworkRecord): boolean {
	try {
		take(engine, network);
		return true;
	} catch (error) {
		if (error instanceof EngineError && error.code === "conflict") return false;
		throw error;
	}
}
