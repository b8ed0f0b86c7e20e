/**
 * A network's bridge: a device of the host, with the gateway's address. Made when the first container needs it, and found
 * again by every later one.
 */

import { EngineError } from "../errors.ts";
import { readdirSync } from "../sys/fs.ts";
import type { Ipv4 } from "../sys/ipv4.ts";
import { formatIpv6, parseIpv6 } from "../sys/ipv6.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import type { Rtnetlink } from "../sys/rtnetlink.ts";
import { chooseSubnet, overlaps, type Pool, type Subnet } from "./ipam.ts";
import { chooseSubnet6, overlaps6, parseSubnet6, type Subnet6 } from "./ipam6.ts";
import { canSetSysctl, hasSysctl, setSysctl, sysctl } from "./sysctl.ts";

export const BRIDGE_MTU = 1500;
const EEXIST = 17;
const EOPNOTSUPP = 95;

const subnetsOfHost = (rtnetlink: Rtnetlink): Subnet[] =>
	rtnetlink.networks().map(({ ip, prefix }) => ({ network: ip, prefix }));

/** Whether no address or route of this host is in it. */
export const isFreeSubnet = (rtnetlink: Rtnetlink, subnet: Subnet): boolean =>
	!subnetsOfHost(rtnetlink).some((other) => overlaps(other, subnet));

/** A subnet that no address or route of this host is in, and none of `taken`. */
export function freeSubnet(rtnetlink: Rtnetlink, taken: readonly Subnet[], pools: readonly Pool[]): Subnet {
	const subnet = chooseSubnet([...subnetsOfHost(rtnetlink), ...taken], pools);
	if (!subnet) throw new EngineError("failed", "all predefined address pools have been fully subnetted");
	return subnet;
}

const subnets6OfHost = (rtnetlink: Rtnetlink): Subnet6[] =>
	rtnetlink.networks6().map(({ ip, prefix }) => parseSubnet6(`${formatIpv6(ip)}/${prefix}`) as Subnet6);

/** Whether no IPv6 address or route of this host is in it. */
export const isFreeSubnet6 = (rtnetlink: Rtnetlink, subnet: Subnet6): boolean =>
	!subnets6OfHost(rtnetlink).some((other) => overlaps6(other, subnet));

/** A subnet of IPv6 that no address or route of this host is in, and none of `taken`. */
export function freeSubnet6(rtnetlink: Rtnetlink, taken: readonly Subnet6[], pools: readonly Pool[]): Subnet6 {
	const subnet = chooseSubnet6([...subnets6OfHost(rtnetlink), ...taken], pools);
	if (!subnet) throw new EngineError("failed", "all predefined address pools have been fully subnetted");
	return subnet;
}

export interface Bridge {
	readonly device: string;
	readonly gateway: Ipv4;
	readonly prefix: number;
	/** Its address in the network's IPv6 subnet. */
	readonly six?: { readonly gateway: string; readonly prefix: number };
	readonly mtu: number;
}

/** Makes what of the bridge is missing: device and addresses. Returns the device's index. Repeatable. */
export function ensureBridge(rtnetlink: Rtnetlink, bridge: Bridge): number {
	let link = rtnetlink.link(bridge.device);
	// It is brought up last: one that is down was left by a command that was killed, and may have no address.
	if (!link?.up) {
		createBridge(rtnetlink, bridge);
		link = rtnetlink.link(bridge.device);
		if (!link) throw new EngineError("failed", `The bridge ${bridge.device} vanished while it was being made`);
	}
	return link.index;
}

function createBridge(rtnetlink: Rtnetlink, { device, gateway, prefix, six, mtu }: Bridge): void {
	const mac = macOf(`${device} ${gateway}`);
	try {
		// With an address of its own the bridge keeps it; else it would change with the links on it.
		tolerate(EEXIST, () => rtnetlink.createBridge(device, mac, mtu));
	} catch (error) {
		if (error instanceof NetlinkError && error.errno === EOPNOTSUPP) {
			throw new EngineError(
				"unsupported",
				`This kernel (${kernelRelease()}) has no bridge devices (module bridge): use --network none or --network host`,
				{ cause: error },
			);
		}
		throw error;
	}
	const index = rtnetlink.linkIndex(device) ?? 0;
	tolerate(EEXIST, () => rtnetlink.addAddress(device, index, gateway, prefix));
	settleIpv6(device, six !== undefined);
	const gateway6 = six && parseIpv6(six.gateway);
	if (six && gateway6) tolerate(EEXIST, () => rtnetlink.addAddress(device, index, gateway6, six.prefix));
	rtnetlink.setUp(device, index);
}

/** The same each time: containers on a bridge that is made anew know its address. Locally administered, not multicast. */
function macOf(seed: string): Uint8Array {
	const mac = new Uint8Array(8);
	new DataView(mac.buffer).setBigUint64(0, BigInt(Bun.hash(seed)));
	mac[0] = 0x02;
	return mac.subarray(0, 6);
}

/** Another command may be making the same at this moment. */
function tolerate(errno: number, action: () => void): void {
	try {
		action();
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== errno) throw error;
	}
}

/**
 * What a container says of routers (RFC 4861, 4.2) is no concern of the host: else one could become its way out (CVE-2020-13401).
 * Where the network has no IPv6 the bridge has none either, and the host is not reached by it.
 */
function settleIpv6(device: string, isUsed: boolean): void {
	const conf = `ipv6/conf/${device}`;
	if (!hasSysctl(conf)) {
		if (!isUsed) return;
		const text = "this kernel has no IPv6 (ipv6.disable=1, or not built in): create the network without --ipv6";
		throw new EngineError("unsupported", text);
	}
	setSysctl(`${conf}/accept_ra`, "0");
	// Nobody else has the bridge's own address: who first asks whether that is so forwards nothing for a second.
	setSysctl(`${conf}/accept_dad`, "0");
	setSysctl(`${conf}/disable_ipv6`, isUsed ? "0" : "1");
}

const IP_FORWARD = "ipv4/ip_forward";

/** Whether this host forwards, or can be told to. */
export const canForward = (): boolean => canSetSysctl(IP_FORWARD, "1");
export const isForwarding = (): boolean => sysctl(IP_FORWARD) === "1";

/** Once there are rules that say what. False: it cannot be turned on here. */
export function ensureForwarding(isIpv6Used: boolean): boolean {
	return setSysctl(IP_FORWARD, "1") && (!isIpv6Used || ensureForwarding6());
}

/**
 * Who forwards does not listen to routers, unless told to (accept_ra 2): the host's own links go on doing so, or it would lose its
 * way out with the first such network.
 */
function ensureForwarding6(): boolean {
	if (sysctl("ipv6/conf/all/forwarding") === "1") return true;
	for (const link of readdirSync("/proc/sys/net/ipv6/conf")) {
		const name = `ipv6/conf/${link}/accept_ra`;
		if (link !== "all" && sysctl(name) === "1") setSysctl(name, "2");
	}
	return setSysctl("ipv6/conf/all/forwarding", "1");
}

/** Whether packets from 127.0.0.1 can be routed to bridges, for connections from the host's loopback to what is published. */
export const canRouteLoopback = (): boolean => canSetSysctl("ipv4/conf/all/route_localnet", "1");

/** Lets them. Our rules see to it that none come the other way (src/network/table-rules.ts, raw). */
export const routeLoopback = (device: string): void => void setSysctl(`ipv4/conf/${device}/route_localnet`, "1");
