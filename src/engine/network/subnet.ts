/** The addresses of a network, from its record. Pure. */
import { gatewayOf, parseSubnet, type Subnet } from "../../network/ipam.ts";
import type { NetworkRecord } from "../../store/networks.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";

export interface NetworkSubnet {
	readonly subnet: Subnet;
	readonly gateway: number;
	/** Where addresses are given out. */
	readonly range: Subnet;
	/** Addresses that are not. */
	readonly reserved: readonly number[];
}

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
