/** `network create`: a record, and on the host a bridge with its rules. */
import { EngineError } from "../../errors.ts";
import { freeSubnet, isFreeSubnet } from "../../network/bridge.ts";
import { contains, formatSubnet, isReserved, overlaps, parseSubnet, type Subnet } from "../../network/ipam.ts";
import {
	deleteNetwork,
	getNetwork,
	insertNetwork,
	type NetworkConfig,
	type NetworkRecord,
} from "../../store/networks.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { ensureDefault, PREDEFINED, recordedSubnets } from "./default.ts";
import { BRIDGE_OPTION, checkDriver, type Driver } from "./drivers.ts";
import { ensureNetwork } from "./endpoint.ts";

export interface NetworkRequest {
	readonly name: string;
	readonly driver: string;
	readonly subnets: readonly string[];
	readonly gateways: readonly string[];
	readonly ipRanges: readonly string[];
	readonly auxAddresses: Readonly<Record<string, string>>;
	readonly internal: boolean;
	readonly attachable: boolean;
	readonly options: Readonly<Record<string, string>>;
	readonly labels: Readonly<Record<string, string>>;
}

/** docker's name for the device of a network that names none. */
export const bridgeDevice = (id: string): string => `br-${id.slice(0, 12)}`;

/** Throws EngineError where the name, the device or the subnet is another's; then nothing has been made. */
export function createNetwork(engine: Engine, request: NetworkRequest): NetworkRecord {
	const driver = check(request);
	const id = newId();
	using rtnetlink = new Rtnetlink();
	const network = engine.transaction(() => {
		if (getNetwork(engine.db, request.name)) {
			throw new EngineError("conflict", `network with name ${request.name} already exists`);
		}
		const device = driver === "bridge" ? (request.options[`${BRIDGE_OPTION}name`] ?? bridgeDevice(id)) : "";
		if (device && rtnetlink.linkIndex(device) !== undefined) {
			throw new EngineError(
				"conflict",
				`the device ${device} is there already: name another with --opt ${BRIDGE_OPTION}name=NAME`,
			);
		}
		ensureDefault(engine); // it comes first, so that it has the first subnet
		const made: NetworkRecord = {
			id,
			name: request.name,
			created: Date.now(),
			config: {
				driver,
				device,
				subnets: [subnetConfig(engine, rtnetlink, request)],
				internal: request.internal,
				attachable: request.attachable,
				options: { ...request.options },
				labels: { ...request.labels },
			},
		};
		insertNetwork(engine.db, made);
		return made;
	});
	try {
		ensureNetwork(engine, rtnetlink, network);
	} catch (error) {
		if (network.config.device) rtnetlink.deleteLink(network.config.device);
		engine.transaction(() => deleteNetwork(engine.db, id));
		throw error;
	}
	return network;
}

function check({ name, driver, options }: NetworkRequest): Driver {
	if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
		throw new EngineError(
			"invalid",
			`invalid network name: ${JSON.stringify(name)}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
		);
	}
	if (PREDEFINED.includes(name)) {
		throw new EngineError("invalid", `operation is not permitted on predefined ${name} network`);
	}
	return checkDriver(driver, options);
}

type SubnetConfig = NetworkConfig["subnets"][number];

function subnetConfig(engine: Engine, rtnetlink: Rtnetlink, request: NetworkRequest): SubnetConfig {
	const [text, another] = request.subnets;
	if (another !== undefined)
		throw new EngineError("invalid", "bridge driver doesn't support more than one IPv4 subnet");
	const given = [...request.gateways, ...request.ipRanges, ...Object.values(request.auxAddresses)];
	if (text === undefined) {
		if (given.length)
			throw new EngineError("invalid", "every ip-range, gateway or aux-address must have a corresponding subnet");
		return { subnet: formatSubnet(freeSubnet(rtnetlink, recordedSubnets(engine))), gateway: "", ipRange: "", aux: {} };
	}
	const subnet = checkedSubnet(text);
	checkFree(engine, rtnetlink, subnet, request.driver);
	const [gateway = "", range = ""] = [request.gateways[0], request.ipRanges[0]];
	if (request.gateways.length > 1 || request.ipRanges.length > 1) {
		throw new EngineError("invalid", "there may be one gateway and one ip-range for a subnet");
	}
	for (const [name, ip] of [["gateway", gateway] as const, ...Object.entries(request.auxAddresses)]) {
		if (ip) checkInside(subnet, ip, name);
	}
	const ipRange = range === "" ? undefined : checkedSubnet(range);
	if (ipRange && (!contains(subnet, ipRange.network) || ipRange.prefix < subnet.prefix)) {
		throw new EngineError("invalid", `no matching subnet for range ${range}`);
	}
	return {
		subnet: formatSubnet(subnet),
		gateway,
		ipRange: ipRange ? formatSubnet(ipRange) : "",
		aux: { ...request.auxAddresses },
	};
}

function checkedSubnet(text: string): Subnet {
	if (text.includes(":")) throw new EngineError("unsupported", `IPv6 subnets are not supported yet: ${text}`);
	const subnet = parseSubnet(text);
	if (!subnet) throw new EngineError("invalid", `invalid CIDR address: ${text}`);
	if (formatSubnet(subnet).split("/")[0] !== text.split("/")[0]) {
		throw new EngineError("invalid", `invalid subnet ${text}: it should be ${formatSubnet(subnet)}`);
	}
	if (subnet.prefix > 30) throw new EngineError("invalid", `invalid subnet ${text}: it has no address for a container`);
	return subnet;
}

function checkInside(subnet: Subnet, text: string, what: string): void {
	const ip = parseIpv4(text);
	if (ip === undefined) throw new EngineError("invalid", `invalid address for ${what}: ${text}`);
	if (!contains(subnet, ip)) throw new EngineError("invalid", `no matching subnet for ${what} ${text}`);
	if (isReserved(subnet, ip))
		throw new EngineError("invalid", `invalid ${what} ${text}: it is the network's own or its broadcast address`);
}

/** No other network's, and no address or route of this host. */
function checkFree(engine: Engine, rtnetlink: Rtnetlink, subnet: Subnet, driver: string): void {
	const overlap = recordedSubnets(engine).find((other) => overlaps(other, subnet));
	if (overlap) throw new EngineError("conflict", "Pool overlaps with other one on this address space");
	// A network of macvlan or ipvlan is a part of one that the host is in.
	if (driver === "bridge" && !isFreeSubnet(rtnetlink, subnet)) {
		throw new EngineError(
			"conflict",
			`Pool overlaps with other one on this address space: this host has an address in ${formatSubnet(subnet)}, or a route to it`,
		);
	}
}
