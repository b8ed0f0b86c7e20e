/** `create`: what a container's network options mean before it runs. */
import type { HostConfig } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Endpoint, EndpointSettings } from "../../store/endpoint-record.ts";
import { BRIDGE } from "../../store/networks.ts";
import type { Engine } from "../engine.ts";
import { links, networks } from "../plan/lazy.ts";
import { sharedNetwork, sharedWith } from "../plan/oci-config.ts";

/** A container that is named for one of its namespaces is known by its ID from then on. */
export function ownOrShared(
	engine: Engine,
	{ host }: { readonly host: HostConfig },
): Pick<HostConfig, "networkMode" | "ipcMode" | "pidMode"> {
	const byId = (mode: string): string => {
		const other = sharedWith(mode);
		return other === undefined ? mode : `container:${findContainer(engine.db, other).id}`;
	};
	return { networkMode: byId(host.networkMode), ipcMode: byId(host.ipcMode), pidMode: byId(host.pidMode) };
}

/** Who shares a network shares the name in it. */
export function sharedHostname(engine: Engine, { networkMode }: Pick<HostConfig, "networkMode">) {
	const other = sharedNetwork(networkMode);
	if (other === undefined) return {};
	const { hostname, domainname } = findContainer(engine.db, other).config;
	return { hostname, domainname };
}

export function portWarnings({ networkMode, portBindings, publishAllPorts }: HostConfig): string[] {
	if (networkMode !== "host" || (portBindings.length === 0 && !publishAllPorts)) return [];
	return ["Published ports are discarded when using host network mode"];
}

/** The default network is found when it is needed: it may not be on record yet. */
export const newEndpoint = (engine: Engine, settings: EndpointSettings): Endpoint => ({
	...settings,
	links: settings.links.map((link) => links().resolveLink(engine, link)),
	network: settings.name === BRIDGE ? "" : networks().findNetwork(engine, settings.name).id,
	lease: null,
});
