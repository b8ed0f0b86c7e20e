/** The engine's part of networking: which network a container gets, its address in it, its link. */
import { EngineError } from "../../errors.ts";
import { ensureBridge, freeSubnet, isFreeSubnet } from "../../network/bridge.ts";
import { createEndpoint, type Endpoint, insideMessages, linkName } from "../../network/endpoint.ts";
import {
	contains,
	formatMac,
	formatSubnet,
	gatewayOf,
	isReserved,
	macOf,
	nextAddress,
	parseMac,
	parseSubnet,
	type Subnet,
} from "../../network/ipam.ts";
import type { Container, ContainerState } from "../../store/container-record.ts";
import { addressesOf, BRIDGE, deleteNetwork, getNetwork, insertNetwork, takeAddress } from "../../store/networks.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";
import { NetlinkError } from "../../sys/netlink-socket.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";

export interface BridgeLease {
	readonly subnet: Subnet;
	readonly device: string;
	readonly state: NonNullable<ContainerState["network"]>;
}

/** The subnet of the default network, chosen the first time. Call within a transaction. */
function bridgeSubnet(engine: Engine): { subnet: Subnet; device: string } {
	const known = getNetwork(engine.db, BRIDGE);
	const subnet = known && parseSubnet(known.subnet);
	const device = engine.bridgeName;
	using rtnetlink = new Rtnetlink();
	if (known && subnet) {
		// A bridge that is there holds its subnet. Without it, as after a boot, somebody else may have taken that.
		const held = rtnetlink.linkIndex(known.bridge) !== undefined || addressesOf(engine.db, BRIDGE).length > 0;
		if (held || isFreeSubnet(rtnetlink, subnet)) return { subnet, device: known.bridge };
	}
	const chosen = freeSubnet(rtnetlink);
	if (known) deleteNetwork(engine.db, BRIDGE);
	insertNetwork(engine.db, {
		name: BRIDGE,
		id: newId(),
		created: Date.now(),
		bridge: device,
		subnet: formatSubnet(chosen),
	});
	return { subnet: chosen, device };
}

/** Takes an address for the container. Call within a transaction; releaseAddresses() is the undo. */
export function leaseAddress(engine: Engine, container: Container): BridgeLease {
	const { subnet, device } = bridgeSubnet(engine);
	const taken = addressesOf(engine.db, BRIDGE);
	const wanted = container.config.host.ip;
	const ip = wanted ? wantedAddress(wanted, subnet, taken) : nextAddress(subnet, taken);
	if (ip === undefined) throw new EngineError("failed", `no address left in network ${formatSubnet(subnet)}`);
	takeAddress(engine.db, BRIDGE, ip, container.id);
	const mac = container.config.macAddress ? parseMac(container.config.macAddress) : macOf(ip);
	return {
		subnet,
		device,
		state: {
			name: BRIDGE,
			ip,
			prefix: subnet.prefix,
			gateway: gatewayOf(subnet),
			mac: formatMac(mac ?? macOf(ip)),
			link: linkName(container.id),
		},
	};
}

function wantedAddress(text: string, subnet: Subnet, taken: readonly number[]): number {
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
	if (taken.includes(ip) || ip === gatewayOf(subnet)) throw new EngineError("conflict", "Address already in use");
	return ip;
}

function endpointOf(state: NonNullable<ContainerState["network"]>): Endpoint {
	const mac = parseMac(state.mac);
	return { ip: state.ip, prefix: state.prefix, gateway: state.gateway, mac: mac ?? macOf(state.ip), link: state.link };
}

/** For the plan: what the container's first process sends to set up its end. */
export const insideOf = (state: NonNullable<ContainerState["network"]>) => insideMessages(endpointOf(state));

/** Asked once a boot. */
const foreignRules = () => require("../../network/foreign-rules.ts") as typeof import("../../network/foreign-rules.ts");

const EEXIST = 17;

/**
 * Makes bridge and veth pair for a process that waits in its new network namespace. Nobody removes the pair: it goes
 * with the namespace, when its last process is gone. The kernel does that in the background, which is ten times faster
 * than asking for it; only a container that is started again at once may find its own old link still there. Returns what
 * the user should know of the network when it is new.
 */
export function connect(lease: BridgeLease, pid: number): string[] {
	using rtnetlink = new Rtnetlink();
	const isNew = rtnetlink.linkIndex(lease.device) === undefined;
	const index = ensureBridge(rtnetlink, lease.device, lease.subnet);
	const endpoint = endpointOf(lease.state);
	try {
		createEndpoint(rtnetlink, endpoint, index, pid);
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
		rtnetlink.deleteLink(endpoint.link);
		createEndpoint(rtnetlink, endpoint, index, pid);
	}
	return isNew ? foreignRules().warningsOfForeignRules(lease.device) : [];
}
