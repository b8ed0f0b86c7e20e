/** The subnets that a network is to have: those asked for, checked, and what is chosen in the place of others. */
import { EngineError } from "../../errors.ts";
import { freeSubnet, freeSubnet6, isFreeSubnet, isFreeSubnet6 } from "../../network/bridge.ts";
import {
	contains,
	formatSubnet,
	gatewayOf,
	isReserved,
	overlaps,
	parseSubnet,
	type Subnet,
} from "../../network/ipam.ts";
import {
	contains6,
	formatAddress6,
	formatSubnet6,
	gatewayOf6,
	isSpecial6,
	overlaps6,
	parseAddress6,
	parseSubnet6,
	type Subnet6,
} from "../../network/ipam6.ts";
import type { NetworkConfig } from "../../store/networks.ts";
import { formatIpv4, parseIpv4 } from "../../sys/ipv4.ts";
import type { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { recordedSubnets, recordedSubnets6 } from "./default.ts";
import { networkDefaults } from "./defaults.ts";

export interface SubnetRequest {
	readonly driver: string;
	readonly subnets: readonly string[];
	readonly gateways: readonly string[];
	readonly ipRanges: readonly string[];
	readonly auxAddresses: Readonly<Record<string, string>>;
	readonly ipv6: boolean;
}

type SubnetConfig = NetworkConfig["subnets"][number];

/** What one family has to say of addresses; `S` is its subnet. */
interface Family<S> {
	readonly name: "IPv4" | "IPv6";
	readonly parse: (text: string) => S | undefined;
	readonly format: (subnet: S) => string;
	readonly isWithin: (subnet: S, range: S & { readonly prefix: number }) => boolean;
	/** Why a container's gateway or another address cannot be this one; undefined: it can. */
	readonly unfit: (subnet: S, ip: string) => string | undefined;
	readonly isSpecial: (subnet: S) => boolean;
	/** Where the bridge is, if nothing else is asked. */
	readonly gateway: (subnet: S) => string;
	/** The longest prefix that leaves room for a bridge and a container. */
	readonly longest: number;
	readonly overlap: (engine: Engine, subnet: S) => boolean;
	readonly isFree: (rtnetlink: Rtnetlink, subnet: S) => boolean;
	readonly choose: (engine: Engine, rtnetlink: Rtnetlink) => S;
}

const V4: Family<Subnet> = {
	name: "IPv4",
	parse: parseSubnet,
	format: formatSubnet,
	isWithin: (subnet, range) => contains(subnet, range.network) && range.prefix >= subnet.prefix,
	unfit: (subnet, text) => {
		const ip = parseIpv4(text);
		if (ip === undefined) return "is no address";
		if (!contains(subnet, ip)) return "is outside";
		return isReserved(subnet, ip) ? "is the network's own or its broadcast address" : undefined;
	},
	isSpecial: () => false,
	gateway: (subnet) => formatIpv4(gatewayOf(subnet)),
	longest: 30,
	overlap: (engine, subnet) => recordedSubnets(engine).some((other) => overlaps(other, subnet)),
	isFree: isFreeSubnet,
	choose: (engine, rtnetlink) => freeSubnet(rtnetlink, recordedSubnets(engine), networkDefaults().pools),
};

const V6: Family<Subnet6> = {
	name: "IPv6",
	parse: parseSubnet6,
	format: formatSubnet6,
	isWithin: (subnet, range) => contains6(subnet, range.network) && range.prefix >= subnet.prefix,
	unfit: (subnet, text) => {
		const ip = parseAddress6(text);
		if (ip === undefined) return "is no address";
		if (!contains6(subnet, ip)) return "is outside";
		return ip === subnet.network ? "is the network's own" : undefined;
	},
	isSpecial: isSpecial6,
	gateway: (subnet) => formatAddress6(gatewayOf6(subnet)),
	longest: 126,
	overlap: (engine, subnet) => recordedSubnets6(engine).some((other) => overlaps6(other, subnet)),
	isFree: isFreeSubnet6,
	choose: (engine, rtnetlink) => freeSubnet6(rtnetlink, recordedSubnets6(engine), networkDefaults().pools),
};

const isV6 = (text: string): boolean => text.includes(":");

/** One of IPv4, and with --ipv6 one of IPv6. Throws EngineError for what cannot be. */
export function subnetConfigs(engine: Engine, rtnetlink: Rtnetlink, request: SubnetRequest): SubnetConfig[] {
	for (const text of [...request.gateways, ...request.ipRanges, ...Object.values(request.auxAddresses)]) {
		if (text === "") throw new EngineError("invalid", "no matching subnet for aux-address ");
		const hasSubnet = request.subnets.some((subnet) => isV6(subnet) === isV6(text));
		if (!hasSubnet) {
			throw new EngineError("invalid", "every ip-range, gateway or aux-address must have a corresponding subnet");
		}
	}
	const six = request.subnets.find(isV6);
	if (six && !request.ipv6) throw new EngineError("invalid", `the subnet ${six} is of IPv6: add --ipv6`);
	const of = (wanted: boolean): SubnetRequest => ({
		...request,
		subnets: request.subnets.filter((text) => isV6(text) === wanted),
		gateways: request.gateways.filter((text) => isV6(text) === wanted),
		ipRanges: request.ipRanges.filter((text) => isV6(text) === wanted),
		auxAddresses: Object.fromEntries(Object.entries(request.auxAddresses).filter(([, ip]) => isV6(ip) === wanted)),
	});
	const configs = [subnetConfig(engine, rtnetlink, of(false), V4)];
	if (request.ipv6) configs.push(subnetConfig(engine, rtnetlink, of(true), V6));
	return configs;
}

function subnetConfig<S extends { readonly prefix: number }>(
	engine: Engine,
	rtnetlink: Rtnetlink,
	request: SubnetRequest,
	family: Family<S>,
): SubnetConfig {
	const [text, another] = request.subnets;
	if (another !== undefined) {
		throw new EngineError("invalid", `bridge driver doesn't support more than one ${family.name} subnet`);
	}
	if (text === undefined) {
		return { subnet: family.format(family.choose(engine, rtnetlink)), gateway: "", ipRange: "", aux: {} };
	}
	const subnet = checkedSubnet(text, family);
	if (family.isSpecial(subnet)) {
		throw new EngineError("invalid", `invalid subnet ${text}: its addresses are for other purposes (RFC 6890)`);
	}
	if (subnet.prefix > family.longest) {
		throw new EngineError("invalid", `invalid subnet ${text}: it has no address for a container`);
	}
	checkFree(engine, rtnetlink, subnet, request.driver, family);
	const [gateway = "", range = ""] = [request.gateways[0], request.ipRanges[0]];
	if (request.gateways.length > 1 || request.ipRanges.length > 1) {
		throw new EngineError("invalid", "there may be one gateway and one ip-range for a subnet");
	}
	if (gateway) checkInside(subnet, gateway, "gateway", family);
	const own = gateway || family.gateway(subnet);
	for (const [name, ip] of Object.entries(request.auxAddresses)) {
		checkInside(subnet, ip, `aux-address ${name}`.trimEnd(), family);
		if (ip === own) {
			throw new EngineError(
				"conflict",
				`failed to allocate secondary ip address (${name}:${ip}): Address already in use`,
			);
		}
	}
	const ipRange = range === "" ? undefined : checkedSubnet(range, family, "ip-range");
	if (ipRange && !family.isWithin(subnet, ipRange)) {
		throw new EngineError("invalid", `no matching subnet for range ${range}`);
	}
	return {
		subnet: family.format(subnet),
		gateway,
		ipRange: ipRange ? family.format(ipRange) : "",
		aux: { ...request.auxAddresses },
	};
}

function checkedSubnet<S>(text: string, { parse, format }: Family<S>, what = "subnet"): S {
	const subnet = parse(text);
	if (!subnet) throw new EngineError("invalid", `invalid CIDR address: ${text}`);
	const [given = ""] = text.split("/");
	const isItself = isV6(given)
		? format(subnet).split("/")[0] === format(parse(`${given}/128`) as S).split("/")[0]
		: format(subnet).split("/")[0] === given;
	if (!isItself) throw new EngineError("invalid", `invalid ${what} ${text}: it should be ${format(subnet)}`);
	return subnet;
}

function checkInside<S>(subnet: S, text: string, what: string, { unfit }: Family<S>): void {
	const reason = unfit(subnet, text);
	if (reason === "is no address") throw new EngineError("invalid", `invalid address for ${what}: ${text}`);
	if (reason === "is outside") throw new EngineError("invalid", `no matching subnet for ${what} ${text}`);
	if (reason) throw new EngineError("invalid", `invalid ${what} ${text}: it ${reason}`);
}

/** No other network's, and no address or route of this host. */
function checkFree<S>(engine: Engine, rtnetlink: Rtnetlink, subnet: S, driver: string, family: Family<S>): void {
	if (family.overlap(engine, subnet)) {
		throw new EngineError("conflict", "Pool overlaps with other one on this address space");
	}
	// A network of macvlan or ipvlan is a part of one that the host is in.
	if (driver === "bridge" && !family.isFree(rtnetlink, subnet)) {
		throw new EngineError(
			"conflict",
			`Pool overlaps with other one on this address space: this host has an address in ${family.format(subnet)}, or a route to it`,
		);
	}
}
