/**
 * Links, addresses and routes (rtnetlink(7)). The functions that end in "Message" are pure: the runtime puts such
 * messages into a container's plan. The others ask the kernel.
 */
import {
	type Attribute,
	decodeAttributes,
	decodeString,
	encodeMessage,
	type Message,
	NLM_F_CREATE,
	NLM_F_DUMP,
	NLM_F_EXCL,
	u32,
} from "./netlink-message.ts";
import { NETLINK_ROUTE, NetlinkError, NetlinkSocket } from "./netlink-socket.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;

const AF_UNSPEC = 0;
const AF_INET = 2;
const IFF_UP = 1;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;
const ENODEV = 19;

/** An IPv4 address as a number. */
export type Ipv4 = number;

export const parseIpv4 = (text: string): Ipv4 | undefined => {
	const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
	if (!parts || parts.some((part) => part > 255)) return undefined;
	return parts.reduce((address, part) => address * 256 + part, 0);
};
export const formatIpv4 = (ip: Ipv4): string => [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join(".");

function ipv4Bytes(ip: Ipv4): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, ip);
	return bytes;
}

/** struct ifinfomsg */
function linkHeader(index: number, flags: number, change: number): Uint8Array {
	const header = new DataView(new ArrayBuffer(16));
	header.setUint8(0, AF_UNSPEC);
	header.setInt32(4, index, true);
	header.setUint32(8, flags, true);
	header.setUint32(12, change, true);
	return new Uint8Array(header.buffer);
}

/** Brings a link up. Loopback is always index 1; the first link moved into a new namespace is given its own. */
export function linkUpMessage(index: number): Uint8Array {
	return encodeMessage(RTM_SETLINK, 0, linkHeader(index, IFF_UP, IFF_UP), []);
}

export function addressMessage(index: number, ip: Ipv4, prefix: number): Uint8Array {
	const header = new DataView(new ArrayBuffer(8)); // struct ifaddrmsg
	header.setUint8(0, AF_INET);
	header.setUint8(1, prefix);
	header.setUint32(4, index, true);
	const broadcast = (ip | (2 ** (32 - prefix) - 1)) >>> 0;
	return encodeMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, new Uint8Array(header.buffer), [
		[IFA_LOCAL, ipv4Bytes(ip)],
		[IFA_ADDRESS, ipv4Bytes(ip)],
		[IFA_BROADCAST, ipv4Bytes(broadcast)],
	]);
}

export function defaultRouteMessage(gateway: Ipv4): Uint8Array {
	const header = new DataView(new ArrayBuffer(12)); // struct rtmsg
	header.setUint8(0, AF_INET);
	header.setUint8(4, RT_TABLE_MAIN);
	header.setUint8(5, RTPROT_BOOT);
	header.setUint8(6, RT_SCOPE_UNIVERSE);
	header.setUint8(7, RTN_UNICAST);
	return encodeMessage(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, new Uint8Array(header.buffer), [
		[RTA_GATEWAY, ipv4Bytes(gateway)],
	]);
}

export interface Veth {
	readonly host: string;
	/** The end inside: created with its name, index and address in the namespace `netns`, so nothing is moved or renamed. */
	readonly peer: { readonly name: string; readonly index: number; readonly mac: Uint8Array; readonly netns: number };
	readonly mtu: number;
	/** Index of the bridge. */
	readonly master: number;
}

/** A veth pair (veth(4)): one end on the bridge and up, the other in the container, in one message. */
export function vethMessage(veth: Veth): Uint8Array {
	const { peer } = veth;
	const peerAttributes: Attribute[] = [
		[IFLA_IFNAME, peer.name],
		[IFLA_MTU, u32(veth.mtu)],
		[IFLA_ADDRESS, peer.mac],
		[IFLA_NET_NS_FD, u32(peer.netns)],
	];
	// VETH_INFO_PEER holds a whole link message: struct ifinfomsg, then attributes.
	const peerMessage = encodeMessage(0, 0, linkHeader(peer.index, 0, 0), peerAttributes).subarray(16);
	return encodeMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, IFF_UP, IFF_UP), [
		[IFLA_IFNAME, veth.host],
		[IFLA_MTU, u32(veth.mtu)],
		[IFLA_MASTER, u32(veth.master)],
		[
			IFLA_LINKINFO,
			[
				[IFLA_INFO_KIND, "veth"],
				[IFLA_INFO_DATA, [[VETH_INFO_PEER, peerMessage]]],
			],
		],
	]);
}

export function bridgeMessage(name: string, mac: Uint8Array): Uint8Array {
	return encodeMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, 0, 0), [
		[IFLA_IFNAME, name],
		[IFLA_ADDRESS, mac],
		[IFLA_LINKINFO, [[IFLA_INFO_KIND, "bridge"]]],
	]);
}

/** The requests to the kernel of the network namespace that the socket was opened in. */
export class Rtnetlink implements Disposable {
	readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

	/** Index of the link, or undefined. */
	linkIndex(name: string): number | undefined {
		try {
			const message = encodeMessage(RTM_GETLINK, 0, linkHeader(0, 0, 0), [[IFLA_IFNAME, name]]);
			const [answer] = this.#socket.request(`link ${name}`, message);
			return answer && view(answer).getInt32(4, true);
		} catch (error) {
			if (error instanceof NetlinkError && error.errno === ENODEV) return undefined;
			throw error;
		}
	}

	/** Names and indexes of all links. */
	links(): { name: string; index: number }[] {
		const answers = this.#socket.request("links", encodeMessage(RTM_GETLINK, NLM_F_DUMP, linkHeader(0, 0, 0), []));
		return answers.map((answer) => ({
			index: view(answer).getInt32(4, true),
			name: decodeString(decodeAttributes(answer.payload.subarray(16)).get(IFLA_IFNAME) ?? new Uint8Array()),
		}));
	}

	createBridge(name: string, mac: Uint8Array): void {
		this.#socket.request(`bridge ${name}`, bridgeMessage(name, mac));
	}

	createVeth(veth: Veth): void {
		this.#socket.request(`veth ${veth.host}`, vethMessage(veth));
	}

	setUp(name: string, index: number): void {
		this.#socket.request(`link ${name} up`, linkUpMessage(index));
	}

	addAddress(name: string, index: number, ip: Ipv4, prefix: number): void {
		this.#socket.request(`address ${formatIpv4(ip)}/${prefix} on ${name}`, addressMessage(index, ip, prefix));
	}

	/** The hardware address of an Ethernet link; undefined: it is of another kind. */
	ethernetAddress(index: number): Uint8Array | undefined {
		const ARPHRD_ETHER = 1;
		const [answer] = this.#socket.request("link", encodeMessage(RTM_GETLINK, 0, linkHeader(index, 0, 0), []));
		if (!answer || view(answer).getUint16(2, true) !== ARPHRD_ETHER) return undefined;
		return decodeAttributes(answer.payload.subarray(16)).get(IFLA_ADDRESS);
	}

	addDefaultRoute(gateway: Ipv4): void {
		this.#socket.request(`default route via ${formatIpv4(gateway)}`, defaultRouteMessage(gateway));
	}

	/** Removes a link; false if there was none. */
	deleteLink(name: string): boolean {
		try {
			this.#socket.request(`link ${name}`, encodeMessage(RTM_DELLINK, 0, linkHeader(0, 0, 0), [[IFLA_IFNAME, name]]));
			return true;
		} catch (error) {
			if (error instanceof NetlinkError && error.errno === ENODEV) return false;
			throw error;
		}
	}

	/** Every IPv4 network that this host has an address in or a route to, except the default route. */
	networks(): { ip: Ipv4; prefix: number; index: number }[] {
		const header = new Uint8Array(8);
		header[0] = AF_INET;
		const addresses = this.#socket.request("addresses", encodeMessage(RTM_GETADDR, NLM_F_DUMP, header, []));
		const routeHeader = new Uint8Array(12);
		routeHeader[0] = AF_INET;
		const routes = this.#socket.request("routes", encodeMessage(RTM_GETROUTE, NLM_F_DUMP, routeHeader, []));
		const found = addresses.map((answer) => ({
			ip: readIpv4(decodeAttributes(answer.payload.subarray(8)).get(IFA_ADDRESS)),
			prefix: answer.payload[1] ?? 32,
			index: view(answer).getUint32(4, true),
		}));
		for (const answer of routes) {
			const attributes = decodeAttributes(answer.payload.subarray(12));
			const oif = attributes.get(RTA_OIF);
			if (!attributes.has(RTA_DST)) continue;
			found.push({
				ip: readIpv4(attributes.get(RTA_DST)),
				prefix: answer.payload[1] ?? 32,
				index: oif ? new DataView(oif.buffer, oif.byteOffset).getUint32(0, true) : 0,
			});
		}
		return found;
	}

	[Symbol.dispose](): void {
		this.#socket[Symbol.dispose]();
	}
}

const view = (message: Message): DataView => new DataView(message.payload.buffer, message.payload.byteOffset);

function readIpv4(bytes: Uint8Array | undefined): Ipv4 {
	return bytes && bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0;
}
