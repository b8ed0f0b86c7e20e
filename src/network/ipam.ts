/** Addresses: which subnet, which address. Pure. */
import { formatIpv4, type Ipv4, parseIpv4 } from "../sys/ipv4.ts";

export interface Subnet {
	readonly network: Ipv4;
	/** Bits of the network part, 0 to 32. */
	readonly prefix: number;
}

const size = (prefix: number): number => 2 ** (32 - prefix);
const base = (ip: Ipv4, prefix: number): Ipv4 => Math.floor(ip / size(prefix)) * size(prefix);

/** "172.17.0.0/16"; undefined if it is none. */
export function parseSubnet(text: string): Subnet | undefined {
	const [address = "", bits = ""] = text.split("/");
	const ip = parseIpv4(address);
	const prefix = Number(bits);
	if (ip === undefined || !/^\d+$/.test(bits) || prefix > 32) return undefined;
	return { network: base(ip, prefix), prefix };
}

export const formatSubnet = (subnet: Subnet): string => `${formatIpv4(subnet.network)}/${subnet.prefix}`;

export function overlaps(a: Subnet, b: Subnet): boolean {
	const prefix = Math.min(a.prefix, b.prefix);
	return base(a.network, prefix) === base(b.network, prefix);
}

export const contains = (subnet: Subnet, ip: Ipv4): boolean => base(ip, subnet.prefix) === subnet.network;

/** The first address names the network, the last reaches all of it. */
export const isReserved = (subnet: Subnet, ip: Ipv4): boolean =>
	ip === subnet.network || ip === subnet.network + size(subnet.prefix) - 1;

/** docker's pools: sixteen /16 networks, then /20 ones. */
const POOLS: readonly { from: string; to: string; prefix: number }[] = [
	{ from: "172.17.0.0", to: "172.31.0.0", prefix: 16 },
	{ from: "192.168.0.0", to: "192.168.240.0", prefix: 20 },
];

/** A subnet that is divided into others, whose prefixes are so long. */
export interface Pool {
	readonly base: string;
	readonly size: number;
}

/** The networks of a pool, in order. */
function* networksOf({ base: text, size: prefix }: Pool): Generator<Ipv4> {
	const whole = parseSubnet(text);
	if (!whole) return; // IPv6: ipam6.ts
	const end = whole.network + size(whole.prefix);
	for (let network = whole.network; network < end; network += size(prefix)) yield network;
}

function* standardNetworks({ from, to, prefix }: (typeof POOLS)[number]): Generator<Ipv4> {
	const last = parseIpv4(to) ?? 0;
	for (let network = parseIpv4(from) ?? 0; network <= last; network += size(prefix)) yield network;
}

/** The first subnet of the pools, or of docker's, that overlaps none of `used`; undefined when all do. */
export function chooseSubnet(used: readonly Subnet[], pools: readonly Pool[] = []): Subnet | undefined {
	const own = pools.filter(({ base }) => !base.includes(":"));
	const all = own.length
		? own.map((pool) => ({ prefix: pool.size, networks: networksOf(pool) }))
		: POOLS.map((pool) => ({ prefix: pool.prefix, networks: standardNetworks(pool) }));
	for (const { prefix, networks } of all) {
		for (const network of networks) {
			const candidate = { network, prefix };
			if (!used.some((other) => overlaps(other, candidate))) return candidate;
		}
	}
	return undefined;
}

/** The first address of a subnet is its gateway: the bridge itself. */
export const gatewayOf = (subnet: Subnet): Ipv4 => subnet.network + 1;

/**
 * The lowest free address of `range`, a part of `subnet` whose first and last address nobody gets; `taken` is sorted.
 * undefined when there is none.
 */
export function nextAddress(range: Subnet, taken: readonly Ipv4[], subnet = range): Ipv4 | undefined {
	let candidate = Math.max(range.network, subnet.network + 1);
	for (const ip of taken) {
		if (ip === candidate) candidate++;
		else if (ip > candidate) break;
	}
	const end = Math.min(range.network + size(range.prefix) - 1, subnet.network + size(subnet.prefix) - 2);
	return candidate <= end ? candidate : undefined;
}

/** A hardware address from the IP address, as docker does: neighbours' caches stay right when it is reused. */
export function macOf(ip: Ipv4): Uint8Array {
	return Uint8Array.of(0x02, 0x42, (ip >>> 24) & 255, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255);
}

export const formatMac = (mac: Uint8Array): string =>
	Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");

/** "02:42:ac:11:00:02"; undefined if it is none, or a multicast one. */
export function parseMac(text: string): Uint8Array | undefined {
	if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
	const mac = Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
	return (mac[0] ?? 1) & 1 ? undefined : mac;
}
