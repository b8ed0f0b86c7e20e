/** A container's place on the bridge: a veth pair, made from outside, and the messages that configure its inside. */
import { EngineError } from "../errors.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "../sys/file.ts";
import { formatIpv4, type Ipv4 } from "../sys/ipv4.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { concat, withAck } from "../sys/netlink-message.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import type { Rtnetlink } from "../sys/rtnetlink.ts";
import { addressMessage, defaultRouteMessage, linkUpMessage } from "../sys/rtnetlink-message.ts";
import { BRIDGE_MTU } from "./bridge.ts";

export interface Endpoint {
	readonly ip: Ipv4;
	readonly prefix: number;
	readonly gateway: Ipv4;
	readonly mac: Uint8Array;
	/** Name of the host's end: derived from the container's ID, so that whoever finds one knows whose it is. */
	readonly link: string;
}

/** IFNAMSIZ leaves 15 characters. */
export const linkName = (id: string): string => `veth${id.slice(0, 11)}`;

const EOPNOTSUPP = 95;
const LO = 1;
/** The veth's end is created with this index in the new namespace: nothing need be looked up there. */
const ETH0 = 2;

/** What init sends from inside. Pure. */
export function insideMessages(endpoint: Endpoint): { messages: Uint8Array; count: number; text: string } {
	const parts = [
		linkUpMessage(LO),
		addressMessage(ETH0, endpoint.ip, endpoint.prefix),
		linkUpMessage(ETH0),
		defaultRouteMessage(endpoint.gateway),
	];
	const text = `lo up, eth0 ${formatIpv4(endpoint.ip)}/${endpoint.prefix} up, default via ${formatIpv4(endpoint.gateway)}`;
	return { messages: concat(parts.map(withAck)), count: parts.length, text };
}

/** Makes the pair: one end on the bridge, the other as eth0 in the network namespace of `pid`. */
export function createEndpoint(rtnetlink: Rtnetlink, endpoint: Endpoint, bridgeIndex: number, pid: number): void {
	using netns = openat2(AT_FDCWD, `/proc/${pid}/ns/net`, O_RDONLY);
	const peer = { name: "eth0", index: ETH0, mac: endpoint.mac, netns: netns.number };
	try {
		rtnetlink.createVeth({ host: endpoint.link, peer, mtu: BRIDGE_MTU, master: bridgeIndex });
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EOPNOTSUPP) throw error;
		const text = `This kernel (${kernelRelease()}) has no veth devices (module veth): use --network none or --network host`;
		throw new EngineError("unsupported", text, { cause: error });
	}
}
