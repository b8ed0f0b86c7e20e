/** The rules of all networks and published ports of this engine, from the records: made, mended, taken away. */

import { canForward, canRouteLoopback } from "../../network/bridge.ts";
import { openForeignChains } from "../../network/foreign-rules.ts";
import type { PublishedPort } from "../../network/port-map.ts";
import {
	changePorts,
	hasNetwork,
	hasRules,
	removeTable,
	replaceTable,
	rulesGeneration,
	tableName,
} from "../../network/table.ts";
import type { TableNetwork } from "../../network/table-rules.ts";
import type { ContainerState } from "../../store/container-record.ts";
import { listContainers } from "../../store/containers.ts";
import type { Endpoint, PortMapping } from "../../store/endpoint-record.ts";
import { getNetworkById, listNetworks, type NetworkRecord } from "../../store/networks.ts";
import { lockFile } from "../../sys/file.ts";
import { readFileSync, writeFileSync } from "../../sys/fs.ts";
import { addressBytes, parseAddress } from "../../sys/ip-address.ts";
import { ipv4Bytes } from "../../sys/ipv4.ts";
import { parseIpv6 } from "../../sys/ipv6.ts";
import { NFPROTO_IPV4, NFPROTO_IPV6 } from "../../sys/nf-expressions.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { gatewayMode } from "./drivers.ts";
import { publishingEndpoint } from "./gateway.ts";
import { namesPorts } from "./names-port.ts";

/** Who changes rules or links excludes others: what is read of the records is what the kernel will have. */
export const networkLock = (engine: Engine): Disposable => lockFile(engine.paths.networkLock);

/** Whether it runs, or is being started by a command that lives. */
function isLive({ status, init, monitor }: ContainerState): boolean {
	const claim = status === "starting" ? monitor : status === "running" ? init : null;
	return claim !== null && startTime(claim.pid) === claim.startTime;
}

/** Puts everything in its place, whatever is there. The caller holds the lock. Returns what the user should know. */
export function rebuildTable(engine: Engine, exceptNetwork?: string): string[] {
	const networks = bridges(engine, exceptNetwork);
	if (networks.length === 0) {
		removeTable(engine.bridgeName);
		return [];
	}
	// A container that has ended may still be on record with its ports; another may have them by now.
	const ports = listContainers(engine.db)
		.filter(({ state }) => state.ports.length > 0 && isLive(state))
		.flatMap(({ state }) => publishedPorts(engine, state.ports, state.endpoints));
	const names = networks.flatMap((network) => namesPorts(engine, network));
	// Where nothing is forwarded, what is led to a container would be lost: then its proxy has it.
	const led = canForward() ? [...ports, ...names] : [];
	replaceTable(engine.bridgeName, networks.map(tableNetwork), led, { routesLoopback: canRouteLoopback() });
	return openForeign(engine, networks);
}

function openForeign(engine: Engine, networks: readonly NetworkRecord[]): string[] {
	const own = tableName(engine.bridgeName);
	const told = networks.flatMap(({ config: { device } }) => openForeignChains(device, own));
	noteGeneration(engine, rulesGeneration());
	return told;
}

/**
 * Looks whether a network's rules are there, and those that other firewalls need: where nobody has changed any rule since
 * the last look, that is one question. Returns what the user should know.
 */
export function ensureRules(engine: Engine, device: string, isNew: boolean): string[] {
	const isThere = !isNew && hasNetwork(engine.bridgeName, device);
	if (isThere && knownGeneration(engine) === rulesGeneration()) return [];
	using _lock = networkLock(engine);
	return isThere ? openForeign(engine, bridges(engine)) : rebuildTable(engine);
}

const generationFile = ({ paths }: Engine): string => `${paths.run}/ruleset`;
const noteGeneration = (engine: Engine, generation: number): void =>
	writeFileSync(generationFile(engine), String(generation), { mode: 0o600 });

/** That of the last look; undefined: there was none. */
function knownGeneration(engine: Engine): number | undefined {
	try {
		return Number(readFileSync(generationFile(engine), "latin1"));
	} catch {
		return undefined;
	}
}

/**
 * Adds ports to the rules, or takes them out, after what `record` does: who makes all rules anew meanwhile reads the records
 * before it, or after. Where it fails, all is made anew. A change of our own is no reason to look at the rules again, if nobody
 * changed anything since the last look.
 */
export function leadPorts(
	engine: Engine,
	change: "add" | "delete",
	ports: readonly PublishedPort[],
	record: () => void = () => {},
): void {
	using _lock = networkLock(engine);
	record();
	if (ports.length === 0 || !canForward() || !hasRules()) return; // the proxy has them
	const before = rulesGeneration();
	if (!changePorts(engine.bridgeName, change, ports)) {
		rebuildTable(engine);
		return;
	}
	if (knownGeneration(engine) === before && rulesGeneration() === before + 1) noteGeneration(engine, before + 1);
}

const bridges = (engine: Engine, except?: string): NetworkRecord[] =>
	listNetworks(engine.db).filter(({ id, config }) => id !== except && config.driver === "bridge");

const isOn = (options: NetworkRecord["config"]["options"], name: string): boolean => options[name] !== "false";

/** docker's option icc. */
export const containersTalk = ({ options }: Pick<NetworkRecord["config"], "options">): boolean =>
	isOn(options, "com.docker.network.bridge.enable_icc");

function tableNetwork({ config }: NetworkRecord): TableNetwork {
	const { device, subnets, internal, options } = config;
	const masquerade = isOn(options, "com.docker.network.bridge.enable_ip_masquerade");
	return {
		device,
		subnets: subnets.flatMap(({ subnet }) => {
			const [address = "", prefix = ""] = subnet.split("/");
			const network = parseAddress(address);
			if (network === undefined) return [];
			const family = typeof network === "number" ? NFPROTO_IPV4 : NFPROTO_IPV6;
			const mode = gatewayMode(config, family === NFPROTO_IPV4 ? "ipv4" : "ipv6");
			return [
				{
					family,
					network: addressBytes(network),
					prefix: Number(prefix),
					masquerade: masquerade && mode !== "routed",
					isOpen: mode === "nat-unprotected",
				},
			];
		}),
		internal,
		containersTalk: containersTalk({ options }),
	};
}

/** For the maps: each port by the family of the host's address, to the container's of the same. Others are the proxy's. */
export function publishedPorts(
	engine: Engine,
	ports: readonly PortMapping[],
	endpoints: readonly Endpoint[],
): PublishedPort[] {
	const endpoint = ports.length ? publishingEndpoint(endpoints) : undefined;
	const lease = endpoint?.lease;
	if (!lease) return [];
	const config = getNetworkById(engine.db, endpoint.network)?.config;
	const ip6 = parseIpv6(lease.ip6);
	return ports.flatMap(({ protocol, hostIp, hostPort, port }) => {
		const address = parseAddress(hostIp);
		const isV4 = typeof address === "number";
		const ip = isV4 ? ipv4Bytes(lease.ip) : ip6;
		if (address === undefined || !ip) return [];
		const at = addressBytes(address);
		const isRouted = config !== undefined && gatewayMode(config, isV4 ? "ipv4" : "ipv6") === "routed";
		return [{ protocol, hostIp: at.some((byte) => byte !== 0) ? at : undefined, hostPort, ip, port, isRouted }];
	});
}
