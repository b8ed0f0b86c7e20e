/** A container's places in its networks: the addresses it gets, the links that are made for it. */
import { EngineError } from "../../errors.ts";
import { BRIDGE_MTU, ensureBridge, ensureForwarding, isForwarding } from "../../network/bridge.ts";
import { createEndpoint, createPart, insideMessages, linkName } from "../../network/endpoint.ts";
import { contains, formatMac, formatSubnet, isReserved, macOf, nextAddress, parseMac } from "../../network/ipam.ts";
import { formatAddress6 } from "../../network/ipam6.ts";
import type { Container } from "../../store/container-record.ts";
import type { Endpoint } from "../../store/endpoint-record.ts";
import {
	addressesOf,
	BRIDGE,
	getNetwork,
	getNetworkById,
	type NetworkRecord,
	takeAddress,
} from "../../store/networks.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";
import { NetlinkError } from "../../sys/netlink-socket.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { ensureDefault } from "./default.ts";
import { networkDefaults } from "./defaults.ts";
import { isRouted, partOf } from "./drivers.ts";
import { leaseAddress6 } from "./endpoint6.ts";
import { gatewayEndpoint, gatewayEndpoint6 } from "./gateway.ts";
import { type NetworkSubnet, subnet6Of, subnetOf } from "./subnet.ts";
import { containersTalk, ensureRules } from "./table.ts";

/** Takes an address in each of its networks. Call within a transaction; releaseAddresses() is the undo. */
export function leaseEndpoints(engine: Engine, { id, state }: Container): Endpoint[] {
	return state.endpoints.map((endpoint, i) => leaseEndpoint(engine, id, endpoint, i));
}

/** `place`: the number of its device, eth0 and so on. Call within a transaction. */
export function leaseEndpoint(engine: Engine, container: string, endpoint: Endpoint, place: number): Endpoint {
	const network = networkOf(engine, endpoint);
	const own = subnetOf(network);
	if (!own) throw new EngineError("failed", `network ${network.name} has no IPv4 subnet`);
	const taken = addressesOf(engine.db, network.id);
	const ip = endpoint.ip ? wantedAddress(endpoint.ip, own, taken) : freeAddress(own, taken);
	takeAddress(engine.db, network.id, ip, container);
	const six = leaseAddress6(engine, network, endpoint, ip - own.subnet.network);
	if (six.ip6) takeAddress(engine.db, network.id, six.ip6, container);
	return {
		...endpoint,
		network: network.id,
		name: network.name,
		lease: {
			id: newId(),
			ip,
			prefix: own.subnet.prefix,
			gateway: network.config.internal || isRouted(network.config) ? 0 : own.gateway,
			...six,
			linkLocal: endpoint.linkLocalIps,
			onLink: isRouted(network.config) && !network.config.internal,
			resolver: network.config.driver === "bridge" && namesContainers(network.name) ? own.gateway : 0,
			mac: endpoint.mac ? formatMac(parseMac(endpoint.mac) ?? macOf(ip)) : formatMac(macOf(ip)),
			link: network.config.driver === "bridge" ? linkName(container, place) : "",
			device: `eth${place}`,
		},
	};
}

/** In the default network they know each other where the configuration says so. */
const namesContainers = (network: string): boolean => network !== BRIDGE || networkDefaults().bridgeNames;

/** By ID; one that was made anew under its name will do. */
function networkOf(engine: Engine, { network, name }: Endpoint): NetworkRecord {
	if (name === BRIDGE) return ensureDefault(engine);
	const found = getNetworkById(engine.db, network) ?? getNetwork(engine.db, name);
	if (!found) throw new EngineError("not-found", `network ${name} not found`);
	return found;
}

function freeAddress({ subnet, range, gateway, reserved }: NetworkSubnet, taken: readonly number[]): number {
	const ip = nextAddress(
		range,
		[...taken, gateway, ...reserved].toSorted((a, b) => a - b),
		subnet,
	);
	if (ip === undefined)
		throw new EngineError(
			"failed",
			`no available IPv4 addresses on this network's address pools: ${formatSubnet(range)} is full`,
		);
	return ip;
}

function wantedAddress(text: string, { subnet, gateway, reserved }: NetworkSubnet, taken: readonly number[]): number {
	const ip = parseIpv4(text);
	if (ip === undefined) throw new EngineError("invalid", `invalid IPv4 address: ${text}`);
	if (!contains(subnet, ip)) {
		throw new EngineError(
			"invalid",
			`invalid address ${text}: it does not belong to the network ${formatSubnet(subnet)}`,
		);
	}
	if (isReserved(subnet, ip)) {
		throw new EngineError("invalid", `invalid address ${text}: it is the network's own or its broadcast address`);
	}
	if (taken.includes(ip) || ip === gateway || reserved.includes(ip)) {
		throw new EngineError("conflict", "Address already in use");
	}
	return ip;
}

/** For the plan: what the container's first process sends to set up its ends. */
export const insideOf = (endpoints: readonly Endpoint[]) => {
	const gateway = gatewayEndpoint(endpoints);
	const gateway6 = gatewayEndpoint6(endpoints);
	return insideMessages(
		endpoints.flatMap((endpoint) => {
			const { lease } = endpoint;
			if (!lease) return [];
			const six = endpoint === gateway6 ? lease.gateway6 : "";
			return [
				endpoint === gateway ? { ...lease, gateway6: six } : { ...lease, gateway: 0, gateway6: six, onLink: false },
			];
		}),
	);
};

/**
 * Makes bridges and veth pairs for a process that waits in its new network namespace. Returns what the user should know of
 * a network that is new.
 */
export function connectAll(engine: Engine, endpoints: readonly Endpoint[], pid: number): string[] {
	using rtnetlink = new Rtnetlink();
	return endpoints.flatMap((endpoint) => connect(engine, rtnetlink, endpoint, pid, { chosenIndex: true }));
}

const EEXIST = 17;

/**
 * Nobody removes the pair: it goes with the namespace, when its last process is gone. The kernel does that in the
 * background, which is ten times faster than asking for it; only a container that is started again at once may find its
 * own old link still there.
 */
export function connect(
	engine: Engine,
	rtnetlink: Rtnetlink,
	{ network: id, lease }: Endpoint,
	pid: number,
	inside: { readonly chosenIndex: boolean },
): string[] {
	const network = getNetworkById(engine.db, id);
	if (!network || !lease) return [];
	const made = { ...lease, mtu: mtuOf(network), ...inside };
	const part = partOf(network.config);
	if (part) {
		createPart(rtnetlink, made, part, pid);
		return [];
	}
	const { index, warnings } = ensureNetwork(engine, rtnetlink, network);
	try {
		createEndpoint(rtnetlink, made, index, pid);
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
		rtnetlink.deleteLink(lease.link);
		createEndpoint(rtnetlink, made, index, pid);
	}
	// Rules see what one container sends to another on a bridge only where br_netfilter is loaded; this needs nothing.
	if (!containersTalk(network.config)) rtnetlink.setIsolated(lease.link);
	return warnings;
}

export const mtuOf = ({ config }: NetworkRecord): number =>
	Number(config.options["com.docker.network.driver.mtu"] ?? BRIDGE_MTU);

/** Makes what of a network is missing on the host: device, address, forwarding, rules. Returns what the user should know. */
export function ensureNetwork(engine: Engine, rtnetlink: Rtnetlink, network: NetworkRecord) {
	const own = subnetOf(network);
	const { device } = network.config;
	const part = partOf(network.config);
	if (part) {
		const parent = rtnetlink.linkIndex(part.parent);
		if (parent === undefined) throw new EngineError("not-found", `the parent device ${part.parent} is not there`);
		return { index: parent, warnings: [] };
	}
	if (!own) throw new EngineError("failed", `network ${network.name} has no subnet`);
	const six = subnet6Of(network);
	const isNew = rtnetlink.linkIndex(device) === undefined;
	const index = ensureBridge(rtnetlink, {
		device,
		gateway: own.gateway,
		prefix: own.subnet.prefix,
		...(six ? { six: { gateway: formatAddress6(six.gateway), prefix: six.subnet.prefix } } : {}),
		mtu: mtuOf(network),
	});
	return { index, warnings: openWays(engine, network, isNew) };
}

/** Rules, and then forwarding: what it cannot have is told, and what it has all the same. */
function openWays(engine: Engine, network: NetworkRecord, isNew: boolean): string[] {
	const { device, internal } = network.config;
	const left = `containers on ${device} reach each other and this host, but not the outside; published ports go through a proxy`;
	try {
		// A firewall that was reloaded took them away; those of a bridge that was taken away may be of another subnet.
		const warnings = ensureRules(engine, device, isNew);
		if (internal || ensureForwarding(subnet6Of(network) !== undefined)) return warnings; // within, nothing is forwarded
		const reason = "/proc/sys/net/ipv4/ip_forward (or that of IPv6) is 0, and cannot be written here";
		return [...warnings, `${reason}: ${left}. To let them out, on the host: sysctl -w net.ipv4.ip_forward=1`];
	} catch (error) {
		if (!(error instanceof EngineError) || error.code !== "unsupported") throw error;
		if (!isForwarding()) return [`${error.message}: ${left}`];
		// Somebody else has this host forward, and nothing would keep networks apart.
		const advice = "use --network none or --network host, or turn forwarding off (sysctl -w net.ipv4.ip_forward=0)";
		const reason = `this host forwards, and no rule would keep ${internal ? "an internal network in" : "networks apart"}`;
		throw new EngineError("unsupported", `${error.message}, and ${reason}: ${advice}`, { cause: error });
	}
}
