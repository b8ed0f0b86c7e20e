/** The IPv6 address of a container's place in a network. */
import { EngineError } from "../../errors.ts";
import { contains6, formatAddress6, formatSubnet6, nextAddress6, parseAddress6 } from "../../network/ipam6.ts";
import type { Endpoint, Lease } from "../../store/endpoint-record.ts";
import { addresses6Of, type NetworkRecord } from "../../store/networks.ts";
import type { Engine } from "../engine.ts";
import { isRouted } from "./drivers.ts";
import { type NetworkSubnet6, subnet6Of } from "./subnet.ts";

type Lease6 = Pick<Lease, "ip6" | "prefix6" | "gateway6">;
const NONE: Lease6 = { ip6: "", prefix6: 0, gateway6: "" };

/**
 * `place`: the number that the container's IPv4 address has in its subnet. It has the same in that of IPv6 where nobody asked for
 * it, so that one who reads both sees that they are one container's. Call within a transaction.
 */
export function leaseAddress6(engine: Engine, network: NetworkRecord, { ip6 }: Endpoint, place: number): Lease6 {
	const own = subnet6Of(network);
	if (!own) {
		if (!ip6) return NONE;
		throw new EngineError("invalid", `invalid config for network ${network.name}: it has no IPv6 subnet for ${ip6}`);
	}
	const taken = new Set(addresses6Of(engine.db, network.id).map((text) => parseAddress6(text) ?? 0n));
	for (const ip of [own.gateway, ...own.reserved]) taken.add(ip);
	const ip = ip6 ? wantedAddress(ip6, own, taken) : nextAddress6(own.range, place, taken, own.subnet);
	if (ip === undefined) {
		const text = `no available IPv6 addresses on this network's address pools: ${formatSubnet6(own.range)} is full`;
		throw new EngineError("failed", text);
	}
	return {
		ip6: formatAddress6(ip),
		prefix6: own.subnet.prefix,
		gateway6: network.config.internal || isRouted(network.config) ? "" : formatAddress6(own.gateway),
	};
}

function wantedAddress(text: string, { subnet }: NetworkSubnet6, taken: ReadonlySet<bigint>): bigint {
	const ip = parseAddress6(text);
	if (ip === undefined) throw new EngineError("invalid", `invalid IPv6 address: ${text}`);
	if (!contains6(subnet, ip) || ip === subnet.network) {
		const reason = `it does not belong to the network ${formatSubnet6(subnet)}`;
		throw new EngineError("invalid", `invalid address ${text}: ${reason}`);
	}
	if (taken.has(ip)) throw new EngineError("conflict", "Address already in use");
	return ip;
}
