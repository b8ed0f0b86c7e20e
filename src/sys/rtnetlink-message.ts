/** Links, addresses and routes (rtnetlink(7)), as messages to the kernel. Pure: the runtime puts some into a plan. */

import { addressBytes, type IpAddress } from "./ip-address.ts";
import {
	type Attribute,
	encodeMessage,
	NLM_F_CREATE,
	NLM_F_EXCL,
	NLM_F_REPLACE,
	u8,
	u16,
	u32,
} from "./netlink-message.ts";

const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_PROTINFO = 12;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
export const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
export const RTA_DST = 1;
export const RTA_OIF = 4;
const RTA_GATEWAY = 5;

const AF_UNSPEC = 0;
const AF_BRIDGE = 7;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const IFF_UP = 1;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTNH_F_ONLINK = 4;
const IFA_F_NODAD = 2;

/** struct ifinfomsg */
export function linkHeader(index: number, flags: number, change: number): Uint8Array {
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

const familyOf = (ip: IpAddress): number => (typeof ip === "number" ? AF_INET : AF_INET6);

/** struct ifaddrmsg */
function addressHeader(index: number, ip: IpAddress, prefix: number): Uint8Array {
	const header = new DataView(new ArrayBuffer(8));
	header.setUint8(0, familyOf(ip));
	header.setUint8(1, prefix);
	// We give each address out once: nobody need be asked whether he has it, and it is of use at once (RFC 4862, 5.4).
	if (typeof ip !== "number") header.setUint8(2, IFA_F_NODAD);
	header.setUint32(4, index, true);
	return new Uint8Array(header.buffer);
}

/** The address itself, as what is to be removed (RTM_DELADDR). */
export function addressRemovalMessage(index: number, ip: IpAddress, prefix: number): Uint8Array {
	return encodeMessage(RTM_DELADDR, 0, addressHeader(index, ip, prefix), [[IFA_LOCAL, addressBytes(ip)]]);
}

export function addressMessage(index: number, ip: IpAddress, prefix: number): Uint8Array {
	const attributes: Attribute[] = [
		[IFA_LOCAL, addressBytes(ip)],
		[IFA_ADDRESS, addressBytes(ip)],
	];
	// Two hosts, or one, need no broadcast (RFC 3021); IPv6 has none.
	if (typeof ip === "number" && prefix < 31) {
		attributes.push([IFA_BROADCAST, addressBytes((ip | (2 ** (32 - prefix) - 1)) >>> 0)]);
	}
	return encodeMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, addressHeader(index, ip, prefix), attributes);
}

/**
 * `onLink`: the index of the link that the gateway is on, whatever the addresses there say (clouds give leases of a single
 * address, with a gateway outside of it); such a route takes the place of another default route.
 */
export function defaultRouteMessage(gateway: IpAddress, onLink?: number): Uint8Array {
	const header = new DataView(new ArrayBuffer(12)); // struct rtmsg
	header.setUint8(0, familyOf(gateway));
	header.setUint8(4, RT_TABLE_MAIN);
	header.setUint8(5, RTPROT_BOOT);
	header.setUint8(6, RT_SCOPE_UNIVERSE);
	header.setUint8(7, RTN_UNICAST);
	const attributes: Attribute[] = [[RTA_GATEWAY, addressBytes(gateway)]];
	if (onLink !== undefined) {
		header.setUint32(8, RTNH_F_ONLINK, true);
		attributes.push([RTA_OIF, u32(onLink)]);
	}
	const flags = NLM_F_CREATE | (onLink === undefined ? NLM_F_EXCL : NLM_F_REPLACE);
	return encodeMessage(RTM_NEWROUTE, flags, new Uint8Array(header.buffer), attributes);
}

/** The default route to a device itself: whoever is behind it answers for all. In the place of another. */
export function deviceRouteMessage(index: number, family: number = AF_INET): Uint8Array {
	const header = new Uint8Array(12); // struct rtmsg
	header[0] = family;
	header[4] = RT_TABLE_MAIN;
	header[5] = RTPROT_BOOT;
	header[6] = RT_SCOPE_LINK;
	header[7] = RTN_UNICAST;
	return encodeMessage(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header, [[RTA_OIF, u32(index)]]);
}

/** Takes away the default route of a family. */
export function defaultRouteRemovalMessage(family: number): Uint8Array {
	const header = new Uint8Array(12); // struct rtmsg
	header[0] = family;
	header[4] = RT_TABLE_MAIN;
	header[6] = RT_SCOPE_NOWHERE; // whatever the scope is
	return encodeMessage(RTM_DELROUTE, 0, header, []);
}

/** A device that is a part of another one. */
export interface PartOfLink {
	readonly kind: "macvlan" | "ipvlan";
	/** Index of the other. */
	readonly parent: number;
	readonly mode: number;
	readonly name: string;
	/** undefined: that of the other. */
	readonly mac: Uint8Array | undefined;
	readonly mtu: number;
	readonly netns: number;
}

/**
 * Its number is the kernel's to choose, which takes the first that is free in the new namespace: older kernels look for a
 * number that is asked for in the namespace of who asks.
 */
export function partMessage({ kind, parent, mode, name, mac, mtu, netns }: PartOfLink): Uint8Array {
	const modeBytes = kind === "macvlan" ? u32(mode) : u16(mode); // IFLA_MACVLAN_MODE, IFLA_IPVLAN_MODE: both are 1
	return encodeMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, 0, 0), [
		[IFLA_IFNAME, name],
		[IFLA_LINK, u32(parent)],
		[IFLA_MTU, u32(mtu)],
		...(mac ? ([[IFLA_ADDRESS, mac]] as Attribute[]) : []),
		[IFLA_NET_NS_FD, u32(netns)],
		[
			IFLA_LINKINFO,
			[
				[IFLA_INFO_KIND, kind],
				[IFLA_INFO_DATA, [[1, modeBytes]]],
			],
		],
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

/** Puts a link on a bridge, by the index of that. */
export const masterMessage = (index: number, master: number): Uint8Array =>
	encodeMessage(RTM_SETLINK, 0, linkHeader(index, IFF_UP, IFF_UP), [[IFLA_MASTER, u32(master)]]);

/**
 * Lets a port of a bridge send back what came from it (bridge(8), hairpin): a container that reaches itself by an address of
 * the host hears itself through the same port.
 */
export const hairpinMessage = (index: number): Uint8Array => bridgePortMessage(index, IFLA_BRPORT_MODE);

/** Keeps a port of a bridge from all others that are kept so (bridge(8), isolated; Linux 4.18): the bridge itself it reaches. */
export const isolationMessage = (index: number): Uint8Array => bridgePortMessage(index, IFLA_BRPORT_ISOLATED);

function bridgePortMessage(index: number, option: number): Uint8Array {
	const header = linkHeader(index, 0, 0);
	header[0] = AF_BRIDGE;
	return encodeMessage(RTM_SETLINK, 0, header, [[IFLA_PROTINFO, [[option, u8(1)]]]]);
}

export function bridgeMessage(name: string, mac: Uint8Array, mtu: number): Uint8Array {
	return encodeMessage(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkHeader(0, 0, 0), [
		[IFLA_IFNAME, name],
		[IFLA_ADDRESS, mac],
		[IFLA_MTU, u32(mtu)],
		[IFLA_LINKINFO, [[IFLA_INFO_KIND, "bridge"]]],
	]);
}
