/**
 * The default network: a bridge device of the host, with the gateway's address. Made when the first container needs
 * it, and found again by every later one.
 */

import { EngineError } from "../errors.ts";
import { readFileSync, writeFileSync } from "../sys/fs.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import { randomBytes } from "../sys/random.ts";
import type { Rtnetlink } from "../sys/rtnetlink.ts";
import { chooseSubnet, gatewayOf, overlaps, type Subnet } from "./ipam.ts";
import { ensureTable } from "./table.ts";

export const BRIDGE_MTU = 1500;
const EEXIST = 17;
const EOPNOTSUPP = 95;

const subnetsOfHost = (rtnetlink: Rtnetlink): Subnet[] =>
	rtnetlink.networks().map(({ ip, prefix }) => ({ network: ip, prefix }));

/** Whether no address or route of this host is in it. */
export const isFreeSubnet = (rtnetlink: Rtnetlink, subnet: Subnet): boolean =>
	!subnetsOfHost(rtnetlink).some((other) => overlaps(other, subnet));

/** A subnet that no address or route of this host is in. */
export function freeSubnet(rtnetlink: Rtnetlink): Subnet {
	const subnet = chooseSubnet(subnetsOfHost(rtnetlink));
	if (!subnet) throw new EngineError("failed", "all predefined address pools have been fully subnetted");
	return subnet;
}

/** Makes what of the bridge is missing: device, address, forwarding, rules. Returns the device's index. Repeatable. */
export function ensureBridge(rtnetlink: Rtnetlink, name: string, subnet: Subnet): number {
	let index = rtnetlink.linkIndex(name);
	if (index === undefined) {
		createBridge(rtnetlink, name, subnet);
		index = rtnetlink.linkIndex(name);
		if (index === undefined) throw new EngineError("failed", `The bridge ${name} vanished while it was being made`);
	}
	ensureForwarding();
	ensureTable(name, subnet);
	return index;
}

function createBridge(rtnetlink: Rtnetlink, name: string, subnet: Subnet): void {
	const mac = randomBytes(6);
	mac[0] = 0x02; // locally administered, not multicast
	try {
		// With an address of its own the bridge keeps it; else it would change with the links on it.
		tolerate(EEXIST, () => rtnetlink.createBridge(name, mac));
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
	const index = rtnetlink.linkIndex(name) ?? 0;
	tolerate(EEXIST, () => rtnetlink.addAddress(name, index, gatewayOf(subnet), subnet.prefix));
	rtnetlink.setUp(name, index);
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
