/** `network reload`: what somebody took away from the host is put back, for networks and the containers that run in them. */
import { routeLoopback } from "../../network/bridge.ts";
import { hasRules } from "../../network/table.ts";
import { listContainers } from "../../store/containers.ts";
import { listNetworks } from "../../store/networks.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { ensureNetwork } from "./endpoint.ts";
import { publishingEndpoint } from "./gateway.ts";
import { networkLock, rebuildTable } from "./table.ts";

export interface Reloaded {
	/** Names of the networks. */
	readonly networks: readonly string[];
	/** What the user should know. */
	readonly warnings: readonly string[];
}

/** Bridges with their addresses, links on them, and all rules: our own, and those before other firewalls'. */
export function reloadNetworks(engine: Engine): Reloaded {
	using rtnetlink = new Rtnetlink();
	const running = listContainers(engine.db).filter(({ state }) => state.status === "running");
	const networks = listNetworks(engine.db).filter(({ config }) => config.driver === "bridge");
	let told: string[] = [];
	for (const network of networks) {
		const { index, warnings } = ensureNetwork(engine, rtnetlink, network);
		told = [...new Set([...told, ...warnings])];
		for (const { state } of running) {
			for (const { network: id, lease } of state.endpoints) {
				if (id !== network.id || !lease || !rtnetlink.setMaster(lease.link, index)) continue;
				if (!state.ports.length || publishingEndpoint(state.endpoints)?.network !== id) continue;
				rtnetlink.setHairpin(lease.link);
				routeLoopback(network.config.device);
			}
		}
	}
	using _lock = networkLock(engine);
	return {
		networks: networks.map(({ name }) => name),
		warnings: [...told, ...(hasRules() ? rebuildTable(engine) : [])],
	};
}
