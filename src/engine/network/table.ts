/** The rules of all networks and published ports of this engine, from the records: made, mended, taken away. */
import { parseSubnet } from "../../network/ipam.ts";
import type { PublishedPort } from "../../network/port-map.ts";
import { removeTable, replaceTable, type TableNetwork } from "../../network/table.ts";
import { listContainers } from "../../store/containers.ts";
import type { Endpoint, PortMapping } from "../../store/endpoint-record.ts";
import { listNetworks, type NetworkRecord } from "../../store/networks.ts";
import { lockFile } from "../../sys/file.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";
import type { Engine } from "../engine.ts";
import { gatewayEndpoint } from "./gateway.ts";

/** Who changes rules or links excludes others: what is read of the records is what the kernel will have. */
export const networkLock = (engine: Engine): Disposable => lockFile(engine.paths.networkLock);

export interface Except {
	/** A network that is being removed. */
	readonly network?: string | undefined;
	/** A container that has ended. */
	readonly container?: string | undefined;
}

/** Puts everything in its place, whatever is there. The caller holds the lock. */
export function rebuildTable(engine: Engine, except: Except = {}): void {
	const networks = listNetworks(engine.db).filter(
		({ id, config }) => id !== except.network && config.driver === "bridge",
	);
	if (networks.length === 0) {
		removeTable(engine.bridgeName);
		return;
	}
	const ports = listContainers(engine.db).flatMap(({ id, state }) =>
		id === except.container ? [] : publishedPorts(state.ports, state.endpoints),
	);
	replaceTable(engine.bridgeName, networks.map(tableNetwork), ports);
}

const isOn = (options: NetworkRecord["config"]["options"], name: string): boolean => options[name] !== "false";

function tableNetwork({ config: { device, subnets, internal, options } }: NetworkRecord): TableNetwork {
	return {
		device,
		subnets: subnets.flatMap(({ subnet }) => parseSubnet(subnet) ?? []),
		internal,
		containersTalk: isOn(options, "com.docker.network.bridge.enable_icc"),
		masquerade: isOn(options, "com.docker.network.bridge.enable_ip_masquerade"),
	};
}

/** For the maps: those of IPv4. */
export function publishedPorts(ports: readonly PortMapping[], endpoints: readonly Endpoint[]): PublishedPort[] {
	const lease = ports.length ? gatewayEndpoint(endpoints)?.lease : undefined;
	if (!lease) return [];
	return ports.flatMap(({ protocol, hostIp, hostPort, port }) => {
		const address = parseIpv4(hostIp);
		if (address === undefined) return []; // IPv6: the proxy's
		return [{ protocol, hostIp: address === 0 ? undefined : address, hostPort, ip: lease.ip, port }];
	});
}
