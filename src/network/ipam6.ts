/** Addresses of IPv6: which subnet, which address; as numbers of 128 bits. Pure, but for what is chosen at random. */
import { formatIpv6, parseIpv6 } from "../sys/ipv6.ts";
import { randomBytes } from "../sys/random.ts";
import type { Pool } from "./ipam.ts";

export interface Subnet6 {
	readonly network: bigint;
	/** Bits of the network part, 0 to 128. */
	readonly prefix: number;
}

const numberOf = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const bytesOf = (ip: bigint): Uint8Array =>
	Uint8Array.from({ length: 16 }, (_, i) => Number((ip >> BigInt(8 * (15 - i))) & 255n));
const hosts = (prefix: number): bigint => 1n << BigInt(128 - prefix);
const base = (ip: bigint, prefix: number): bigint => ip - (ip % hosts(prefix));

/** undefined for what is no address. */
export const parseAddress6 = (text: string): bigint | undefined => {
	const bytes = parseIpv6(text);
	return bytes && numberOf(bytes);
};
export const formatAddress6 = (ip: bigint): string => formatIpv6(bytesOf(ip));

/** "fd00:1::/64"; undefined if it is none. */
export function parseSubnet6(text: string): Subnet6 | undefined {
	const [address = "", bits = ""] = text.split("/");
	const ip = parseAddress6(address);
	const prefix = Number(bits);
	if (ip === undefined || !/^\d+$/.test(bits) || prefix > 128) return undefined;
	return { network: base(ip, prefix), prefix };
}

export const formatSubnet6 = ({ network, prefix }: Subnet6): string => `${formatAddress6(network)}/${prefix}`;

export function overlaps6(a: Subnet6, b: Subnet6): boolean {
	const prefix = Math.min(a.prefix, b.prefix);
	return base(a.network, prefix) === base(b.network, prefix);
}

export const contains6 = ({ network, prefix }: Subnet6, ip: bigint): boolean => base(ip, prefix) === network;

/** Addresses that are for something else: loopback and IPv4 in disguise, links' own, groups (RFC 6890). */
const SPECIAL = ["::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8"];

export const isSpecial6 = (subnet: Subnet6): boolean =>
	SPECIAL.some((text) => overlaps6(parseSubnet6(text) as Subnet6, subnet));

/** The first address of a subnet is its gateway: the bridge itself. Address 0 is the routers' (RFC 4291, 2.6.1). */
export const gatewayOf6 = ({ network }: Subnet6): bigint => network + 1n;

/**
 * The free address of `range`, a part of `subnet`, with the number that `wanted` has in it, or the next one; addresses of `taken` nobody gets.
 * undefined when there is none.
 */
export function nextAddress6(
	range: Subnet6,
	wanted: number,
	taken: ReadonlySet<bigint>,
	subnet = range,
): bigint | undefined {
	const size = hosts(range.prefix);
	const tries = BigInt(taken.size) + 2n;
	for (let i = 0n; i < tries && i < size; i++) {
		const ip = range.network + ((BigInt(wanted) + i) % size);
		if (ip !== subnet.network && !taken.has(ip)) return ip;
	}
	return undefined;
}

/**
 * A subnet of addresses that are nobody's outside (RFC 4193): a random one of 2^40, that overlaps none of `used`, so that
 * hosts that are joined later will not have the same.
 */
function localSubnet6(used: readonly Subnet6[]): Subnet6 {
	for (;;) {
		const bytes = new Uint8Array(16);
		bytes[0] = 0xfd;
		bytes.set(randomBytes(5), 1);
		const subnet = { network: numberOf(bytes), prefix: 64 };
		if (!used.some((other) => overlaps6(other, subnet))) return subnet;
	}
}

/** The first subnet of the pools that overlaps none of `used`; without pools of IPv6 a local one. undefined when all do. */
export function chooseSubnet6(used: readonly Subnet6[], pools: readonly Pool[]): Subnet6 | undefined {
	const own = pools.filter(({ base }) => base.includes(":"));
	if (own.length === 0) return localSubnet6(used);
	for (const { base: text, size: prefix } of own) {
		const whole = parseSubnet6(text);
		if (!whole) continue;
		const end = whole.network + hosts(whole.prefix);
		for (let network = whole.network; network < end; ) {
			const candidate = { network, prefix };
			const other = used.find((one) => overlaps6(one, candidate));
			if (!other) return candidate;
			network = other.prefix < prefix ? other.network + hosts(other.prefix) : network + hosts(prefix);
		}
	}
	return undefined;
}
