/** Links, addresses and routes: the requests (rtnetlink(7)). */
import { formatAddress, type IpAddress } from "./ip-address.ts";
import { type Ipv4, readIpv4 } from "./ipv4.ts";
import type { Ipv6 } from "./ipv6.ts";
import { decodeAttributes, decodeString, encodeMessage, type Message, NLM_F_DUMP } from "./netlink-message.ts";
import { NETLINK_ROUTE, NetlinkError, NetlinkSocket } from "./netlink-socket.ts";
import {
	AF_INET,
	AF_INET6,
	addressMessage,
	addressRemovalMessage,
	bridgeMessage,
	defaultRouteMessage,
	defaultRouteRemovalMessage,
	deviceRouteMessage,
	hairpinMessage,
	IFA_ADDRESS,
	IFF_UP,
	IFLA_ADDRESS,
	IFLA_IFNAME,
	isolationMessage,
	linkHeader,
	linkUpMessage,
	masterMessage,
	type PartOfLink,
	partMessage,
	RTA_DST,
	RTA_OIF,
	RTM_DELLINK,
	RTM_GETADDR,
	RTM_GETLINK,
	RTM_GETROUTE,
	type Veth,
	vethMessage,
} from "./rtnetlink-message.ts";

const ENOENT = 2;
const ESRCH = 3;
const ENODEV = 19;

/** The requests to the kernel of the network namespace that the socket was opened in. */
export class Rtnetlink implements Disposable {
	readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

	/** Index of the link, or undefined. */
	linkIndex(name: string): number | undefined {
		return this.link(name)?.index;
	}

	/** The link, and whether it is up; undefined: there is none. */
	link(name: string): { readonly index: number; readonly up: boolean } | undefined {
		try {
			const message = encodeMessage(RTM_GETLINK, 0, linkHeader(0, 0, 0), [[IFLA_IFNAME, name]]);
			const [answer] = this.#socket.request(`link ${name}`, message);
			if (!answer) return undefined;
			return { index: view(answer).getInt32(4, true), up: (view(answer).getUint32(8, true) & IFF_UP) !== 0 };
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

	createBridge(name: string, mac: Uint8Array, mtu: number): void {
		this.#socket.request(`bridge ${name}`, bridgeMessage(name, mac, mtu));
	}

	createPart(part: PartOfLink): void {
		this.#socket.request(`${part.kind} ${part.name}`, partMessage(part));
	}

	createVeth(veth: Veth): void {
		this.#socket.request(`veth ${veth.host}`, vethMessage(veth));
	}

	/** For a link that is on a bridge. */
	setHairpin(name: string): void {
		const index = this.linkIndex(name);
		if (index !== undefined) this.#socket.request(`link ${name}`, hairpinMessage(index));
	}

	/** For a link that is on a bridge. */
	setIsolated(name: string): void {
		const index = this.linkIndex(name);
		if (index !== undefined) this.#socket.request(`link ${name}`, isolationMessage(index));
	}

	/** Puts a link on a bridge; false: there is no such link. */
	setMaster(name: string, bridge: number): boolean {
		const index = this.linkIndex(name);
		if (index !== undefined) this.#socket.request(`link ${name}`, masterMessage(index, bridge));
		return index !== undefined;
	}

	setUp(name: string, index: number): void {
		this.#socket.request(`link ${name} up`, linkUpMessage(index));
	}

	addAddress(name: string, index: number, ip: IpAddress, prefix: number): void {
		this.#socket.request(`address ${formatAddress(ip)}/${prefix} on ${name}`, addressMessage(index, ip, prefix));
	}

	/** The hardware address of an Ethernet link; undefined: it is of another kind. */
	ethernetAddress(index: number): Uint8Array | undefined {
		const ARPHRD_ETHER = 1;
		const [answer] = this.#socket.request("link", encodeMessage(RTM_GETLINK, 0, linkHeader(index, 0, 0), []));
		if (!answer || view(answer).getUint16(2, true) !== ARPHRD_ETHER) return undefined;
		return decodeAttributes(answer.payload.subarray(16)).get(IFLA_ADDRESS);
	}

	removeAddress(name: string, index: number, ip: IpAddress, prefix: number): void {
		this.#socket.request(`address ${formatAddress(ip)}/${prefix} on ${name}`, addressRemovalMessage(index, ip, prefix));
	}

	/** The default route, through a gateway on the link with this index, in the place of another. */
	setDefaultRoute(gateway: IpAddress, index: number): void {
		this.#socket.request(`default route via ${formatAddress(gateway)}`, defaultRouteMessage(gateway, index));
	}

	/** The default route to the link itself. */
	setDeviceRoute(index: number): void {
		this.#socket.request("default route", deviceRouteMessage(index));
	}

	/** Removes the default route of a family, if there is one. */
	removeDefaultRoute(family: typeof AF_INET | typeof AF_INET6 = AF_INET): void {
		try {
			this.#socket.request("default route", defaultRouteRemovalMessage(family));
		} catch (error) {
			const isGone = error instanceof NetlinkError && (error.errno === ESRCH || error.errno === ENOENT);
			if (!isGone) throw error;
		}
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
		const { addresses, routes } = this.#ofFamily(AF_INET);
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

	/** The same of IPv6, but for those that every link has (fe80::/10, ff00::/8). */
	networks6(): { ip: Ipv6; prefix: number }[] {
		const { addresses, routes } = this.#ofFamily(AF_INET6);
		const found = [
			...addresses.map(({ payload }) => ({
				ip: decodeAttributes(payload.subarray(8)).get(IFA_ADDRESS),
				prefix: payload[1] ?? 128,
			})),
			...routes.map(({ payload }) => ({
				ip: decodeAttributes(payload.subarray(12)).get(RTA_DST),
				prefix: payload[1] ?? 128,
			})),
		];
		return found.flatMap(({ ip, prefix }) => (ip?.length === 16 && (ip[0] ?? 0) < 0xfe ? [{ ip, prefix }] : []));
	}

	/** Whether there is a way out of this host, by either family. */
	hasDefaultRoute(): boolean {
		// rtm_type: an "unreachable default" of IPv6 is none
		const isWayOut = ({ payload }: Message): boolean =>
			payload[7] === RTN_UNICAST && !decodeAttributes(payload.subarray(12)).has(RTA_DST);
		return [AF_INET, AF_INET6].some((family) => this.#ofFamily(family).routes.some(isWayOut));
	}

	/** Addresses of this host, with the index of the link that each is on. */
	addresses(version: 4 | 6): { bytes: Uint8Array; index: number }[] {
		return this.#ofFamily(version === 4 ? AF_INET : AF_INET6).addresses.flatMap((answer) => {
			const bytes = decodeAttributes(answer.payload.subarray(8)).get(IFA_ADDRESS);
			return bytes ? [{ bytes, index: view(answer).getUint32(4, true) }] : [];
		});
	}

	#ofFamily(family: number): { addresses: Message[]; routes: Message[] } {
		const header = new Uint8Array(8);
		header[0] = family;
		const addresses = this.#socket.request("addresses", encodeMessage(RTM_GETADDR, NLM_F_DUMP, header, []));
		const routeHeader = new Uint8Array(12);
		routeHeader[0] = family;
		const routes = this.#socket.request("routes", encodeMessage(RTM_GETROUTE, NLM_F_DUMP, routeHeader, []));
		return { addresses, routes };
	}

	[Symbol.dispose](): void {
		this.#socket[Symbol.dispose]();
	}
}

const RTN_UNICAST = 1;

const view = (message: Message): DataView => new DataView(message.payload.buffer, message.payload.byteOffset);
