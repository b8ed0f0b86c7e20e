/** The addresses of a network, from its record. Pure. */
import { gatewayOf, parseSubnet, type Subnet } from "../../network/ipam.ts";
import { gatewayOf6, parseAddress6, parseSubnet6, type Subnet6 } from "../../network/ipam6.ts";
import type { NetworkRecord } from "../../store/networks.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";

interface Addresses<S, A> {
	readonly subnet: S;
	readonly gateway: A;
	/** Where addresses are given out. */
	readonly range: S;
	/** Addresses that are not. */
	readonly reserved: readonly A[];
}
export type NetworkSubnet = Addresses<Subnet, number>;
export type NetworkSubnet6 = Addresses<Subnet6, bigint>;

/** Its IPv4 subnet; undefined: it has none. */
export function subnetOf({ config }: Pick<NetworkRecord, "config">): NetworkSubnet | undefined {
	for (const { subnet: text, gateway, ipRange, aux } of config.subnets) {
		const subnet = parseSubnet(text);
		if (!subnet) continue;
		return {
			subnet,
			gateway: parseIpv4(gateway) ?? gatewayOf(subnet),
			range: parseSubnet(ipRange) ?? subnet,
			reserved: Object.values(aux).map((ip) => parseIpv4(ip) ?? 0),
		};
	}
	return undefined;
}

/** Its IPv6 subnet; undefined: it has none. */
export function subnet6Of({ config }: Pick<NetworkRecord, "config">): NetworkSubnet6 | undefined {
	for (const { subnet: text, gateway, ipRange, aux } of config.subnets) {
		const subnet = text.includes(":") ? parseSubnet6(text) : undefined;
		if (!subnet) continue;
		return {
			subnet,
			gateway: parseAddress6(gateway) ?? gatewayOf6(subnet),
			range: parseSubnet6(ipRange) ?? subnet,
			reserved: Object.values(aux).map((ip) => parseAddress6(ip) ?? 0n),
		};
	}
	return undefined;
}
