/**
 * A network's bridge: a device of the host, with the gateway's address. Made when the first container needs it, and found
 * again by every later one.
 */

import { EngineError } from "../errors.ts";
import { readFileSync, writeFileSync } from "../sys/fs.ts";
import type { Ipv4 } from "../sys/ipv4.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import { randomBytes } from "../sys/random.ts";
import type { Rtnetlink } from "../sys/rtnetlink.ts";
import { chooseSubnet, overlaps, type Subnet } from "./ipam.ts";

export const BRIDGE_MTU = 1500;
const EEXIST = 17;
const EOPNOTSUPP = 95;

const subnetsOfHost = (rtnetlink: Rtnetlink): Subnet[] =>
	rtnetlink.networks().map(({ ip, prefix }) => ({ network: ip, prefix }));

/** Whether no address or route of this host is in it. */
export const isFreeSubnet = (rtnetlink: Rtnetlink, subnet: Subnet): boolean =>
	!subnetsOfHost(rtnetlink).some((other) => overlaps(other, subnet));

/** A subnet that no address or route of this host is in, and none of `taken`. */
export function freeSubnet(rtnetlink: Rtnetlink, taken: readonly Subnet[]): Subnet {
	const subnet = chooseSubnet([...subnetsOfHost(rtnetlink), ...taken]);
	if (!subnet) throw new EngineError("failed", "all predefined address pools have been fully subnetted");
	return subnet;
}

export interface Bridge {
	readonly device: string;
	readonly gateway: Ipv4;
	readonly prefix: number;
	readonly mtu: number;
}

/** Makes what of the bridge is missing: device, address, forwarding. Returns the device's index. Repeatable. */
export function ensureBridge(rtnetlink: Rtnetlink, bridge: Bridge): number {
	let link = rtnetlink.link(bridge.device);
	// It is brought up last: one that is down was left by a command that was killed, and may have no address.
	if (!link?.up) {
		createBridge(rtnetlink, bridge);
		link = rtnetlink.link(bridge.device);
		if (!link) throw new EngineError("failed", `The bridge ${bridge.device} vanished while it was being made`);
	}
	ensureForwarding();
	return link.index;
}

function createBridge(rtnetlink: Rtnetlink, { device, gateway, prefix, mtu }: Bridge): void {
	const mac = randomBytes(6);
	mac[0] = 0x02; // locally administered, not multicast
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
	rtnetlink.setUp(device, index);
}

/** Another command may be making the same at this moment. */
function tolerate(errno: number, action: () => void): void {
	try {
		action();
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== errno) throw error;
	}
}

const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

function ensureForwarding(): void {
	if (readFileSync(IP_FORWARD, "latin1").trim() === "1") return;
	writeFileSync(IP_FORWARD, "1");
}

/**
 * Lets packets from 127.0.0.1 be routed to the bridge, for connections from the host's loopback to what is published. Our
 * rules see to it that none come the other way (src/network/table.ts, raw).
 */
export function routeLoopback(device: string): void {
	const path = `/proc/sys/net/ipv4/conf/${device}/route_localnet`;
	if (readFileSync(path, "latin1").trim() !== "1") writeFileSync(path, "1");
}
