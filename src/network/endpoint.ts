/** A container's place on the bridge: a veth pair, made from outside, and the messages that configure its inside. */
import { EngineError } from "../errors.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "../sys/file.ts";
import { type IpAddress, parseAddress } from "../sys/ip-address.ts";
import { formatIpv4, type Ipv4 } from "../sys/ipv4.ts";
import { parseIpv6 } from "../sys/ipv6.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { concat, withAck } from "../sys/netlink-message.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import type { Rtnetlink } from "../sys/rtnetlink.ts";
import {
	AF_INET6,
	addressMessage,
	defaultRouteMessage,
	deviceRouteMessage,
	linkUpMessage,
	type PartOfLink,
} from "../sys/rtnetlink-message.ts";
import { macOf, parseMac } from "./ipam.ts";

/** One end is on the bridge, the other inside. */
export interface Endpoint {
	readonly ip: Ipv4;
	readonly prefix: number;
	/** 0: none, so no default route. */
	readonly gateway: Ipv4;
	/** The same of IPv6, as texts; "": none. */
	readonly ip6: string;
	readonly prefix6: number;
	readonly gateway6: string;
	/** Further addresses, that are known on the link alone. */
	readonly linkLocal: readonly string[];
	readonly mac: string;
	/** Name of the host's end; "": none. */
	readonly link: string;
	/** The default route leads to the device itself. */
	readonly onLink: boolean;
	/** Name of the other: "eth0". */
	readonly device: string;
}

/**
 * The host's end is called after the container, so that whoever finds one knows whose it is; the n-th of several has a
 * letter in the place of the last digit. IFNAMSIZ leaves 15 characters.
 */
export const linkName = (id: string, place = 0): string =>
	place === 0
		? `veth${id.slice(0, 11)}`
		: `veth${id.slice(0, 9)}${String.fromCharCode(103 + (place >> 4))}${(place & 15).toString(16)}`;

export const isLinkOf = (name: string, id: string): boolean =>
	name === linkName(id) ||
	(name.startsWith(`veth${id.slice(0, 9)}`) && /[g-v][0-9a-f]$/.test(name) && name.length === 15);

const EOPNOTSUPP = 95;
const LO = 1;
/** The veth's end is created with this index in the new namespace, and those after it: nothing need be looked up there. */
const ETH0 = 2;
const indexOf = (device: string): number => ETH0 + Number(device.slice("eth".length));

/** What init sends from inside. Pure. */
export function insideMessages(endpoints: readonly Endpoint[]): { messages: Uint8Array; count: number; text: string } {
	const parts = [linkUpMessage(LO)];
	const texts = ["lo up"];
	for (const endpoint of endpoints) {
		const { ip, prefix, gateway, onLink, device } = endpoint;
		const index = indexOf(device);
		parts.push(addressMessage(index, ip, prefix), linkUpMessage(index));
		texts.push(`${device} ${formatIpv4(ip)}/${prefix} up`);
		for (const further of furtherAddresses(endpoint)) {
			parts.push(addressMessage(index, further.ip, further.prefix));
			texts.push(`${device} ${further.text}`);
		}
		if (onLink) {
			parts.push(deviceRouteMessage(index));
			if (endpoint.ip6) parts.push(deviceRouteMessage(index, AF_INET6));
			texts.push(`default dev ${device}`);
		} else if (gateway) {
			parts.push(defaultRouteMessage(gateway));
			texts.push(`default via ${formatIpv4(gateway)}`);
		}
		const gateway6 = parseIpv6(endpoint.gateway6);
		if (gateway6) {
			parts.push(defaultRouteMessage(gateway6));
			texts.push(`default via ${endpoint.gateway6}`);
		}
	}
	return { messages: concat(parts.map(withAck)), count: parts.length, text: texts.join(", ") };
}

/** Besides that of IPv4: of which there is no more than one. */
function furtherAddresses({ ip6, prefix6, linkLocal }: Endpoint): { ip: IpAddress; prefix: number; text: string }[] {
	if (!ip6 && linkLocal.length === 0) return [];
	const all = linkLocal.map((text) => ({ text, prefix: text.includes(":") ? 64 : 16 }));
	if (ip6) all.unshift({ text: ip6, prefix: prefix6 });
	return all.flatMap(({ text, prefix }) => {
		const ip = parseAddress(text);
		return ip === undefined ? [] : [{ ip, prefix, text: `${text}/${prefix}` }];
	});
}

/** Makes the pair: one end on the bridge, the other in the network namespace of `pid`. */
export function createEndpoint(
	rtnetlink: Rtnetlink,
	endpoint: Endpoint & {
		readonly mtu: number;
		/** In a new namespace the device has the number that the plan was made for; in an older one whichever is free. */
		readonly chosenIndex: boolean;
	},
	bridgeIndex: number,
	pid: number,
): void {
	using netns = openat2(AT_FDCWD, `/proc/${pid}/ns/net`, O_RDONLY);
	const mac = parseMac(endpoint.mac) ?? macOf(endpoint.ip);
	const peer = {
		name: endpoint.device,
		index: endpoint.chosenIndex ? indexOf(endpoint.device) : 0,
		mac,
		netns: netns.number,
	};
	try {
		rtnetlink.createVeth({ host: endpoint.link, peer, mtu: endpoint.mtu, master: bridgeIndex });
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EOPNOTSUPP) throw error;
		const text = `This kernel (${kernelRelease()}) has no veth devices (module veth): use --network none or --network host`;
		throw new EngineError("unsupported", text, { cause: error });
	}
}

/** Makes a device in the network namespace of `pid` that is a part of one of the host's (macvlan, ipvlan). */
export function createPart(
	rtnetlink: Rtnetlink,
	endpoint: Endpoint & { readonly mtu: number },
	{ kind, parent, mode }: { readonly kind: PartOfLink["kind"]; readonly parent: string; readonly mode: number },
	pid: number,
): void {
	const parentIndex = rtnetlink.linkIndex(parent);
	if (parentIndex === undefined) throw new EngineError("failed", `the parent device ${parent} is not there`);
	using netns = openat2(AT_FDCWD, `/proc/${pid}/ns/net`, O_RDONLY);
	const { device, mtu } = endpoint;
	const mac = kind === "macvlan" ? (parseMac(endpoint.mac) ?? macOf(endpoint.ip)) : undefined;
	try {
		rtnetlink.createPart({ kind, parent: parentIndex, mode, name: device, mac, mtu, netns: netns.number });
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EOPNOTSUPP) throw error;
		throw new EngineError("unsupported", `This kernel (${kernelRelease()}) has no ${kind} devices (module ${kind})`, {
			cause: error,
		});
	}
}

/** Configures an end in a namespace in which programs run: addresses, and up. */
export function endpointInside(inside: Rtnetlink, endpoint: Endpoint): void {
	const { device, ip, prefix } = endpoint;
	const index = inside.linkIndex(device);
	if (index === undefined) throw new EngineError("failed", `The link ${device} vanished from the container`);
	inside.addAddress(device, index, ip, prefix);
	inside.setUp(device, index);
	for (const further of furtherAddresses(endpoint)) inside.addAddress(device, index, further.ip, further.prefix);
}

/** The way out, in the place of the one there was; undefined: none. */
export function defaultRouteInside(inside: Rtnetlink, endpoint: Endpoint | undefined): void {
	const index = endpoint && inside.linkIndex(endpoint.device);
	if (!endpoint || index === undefined) inside.removeDefaultRoute();
	else if (endpoint.onLink) inside.setDeviceRoute(index);
	else inside.setDefaultRoute(endpoint.gateway, index);
}

/** The same of IPv6. */
export function defaultRoute6Inside(inside: Rtnetlink, endpoint: Endpoint | undefined): void {
	const index = endpoint && inside.linkIndex(endpoint.device);
	const gateway = endpoint && parseIpv6(endpoint.gateway6);
	if (!gateway || index === undefined) inside.removeDefaultRoute(AF_INET6);
	else inside.setDefaultRoute(gateway, index);
}
