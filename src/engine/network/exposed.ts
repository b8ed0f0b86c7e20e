/**
 * `network exposed`: what of containers the outside can reach, by which address, and what lets it. It is read from what is on
 * record for the rules, and from the addresses that the host has now.
 */

import { tableName } from "../../network/table.ts";
import type { Container, ListedContainer } from "../../store/container-record.ts";
import { listContainers } from "../../store/containers.ts";
import type { Endpoint } from "../../store/endpoint-record.ts";
import { getNetworkById, type NetworkRecord } from "../../store/networks.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import { formatIpv6 } from "../../sys/ipv6.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { gatewayMode, partOf } from "./drivers.ts";
import { publishingEndpoint } from "./gateway.ts";

export interface Exposed {
	readonly container: string;
	/** "80/tcp"; "*": any. */
	readonly port: string;
	/** Where it is reached: "192.0.2.7:8080". */
	readonly address: string;
	readonly network: string;
	/** The rule, or the process. */
	readonly by: string;
}

/** By container. What is published on the host's loopback alone is not reached from outside. */
export function exposedPorts(engine: Engine): Exposed[] {
	const host = hostAddresses(engine);
	return listContainers(engine.db)
		.filter(({ state }) => state.status === "running")
		.toSorted((a, b) => (a.name < b.name ? -1 : 1))
		.flatMap((container) => [
			...published(engine, container, host),
			...container.state.endpoints.flatMap((endpoint) => direct(engine, container, endpoint)),
			...(container.config.host.networkMode === "host" ? [ofHost(container, host)] : []),
		]);
}

/** Of this host, but for its loopback, links' own, and those of our bridges. */
function hostAddresses({ db }: Engine): string[] {
	using rtnetlink = new Rtnetlink();
	const own = new Set(
		(db.query("SELECT config->>'$.device' AS device FROM networks").all() as { device: string }[]).map(({ device }) =>
			rtnetlink.linkIndex(device),
		),
	);
	const v4 = rtnetlink.addresses(4).filter(({ bytes }) => bytes[0] !== 127);
	const v6 = rtnetlink.addresses(6).filter(({ bytes }) => (bytes[0] ?? 0) !== 0 && (bytes[0] ?? 0) < 0xfe);
	return [...v4, ...v6]
		.filter(({ index }) => !own.has(index))
		.map(({ bytes }) =>
			bytes.length === 4 ? formatIpv4(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)) : formatIpv6(bytes),
		);
}

const at = (ip: string, port: number): string => `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
const isLoopback = (ip: string): boolean => ip.startsWith("127.") || ip === "::1";

function published(engine: Engine, { name, state }: ListedContainer, host: readonly string[]): Exposed[] {
	const endpoint = publishingEndpoint(state.endpoints);
	if (!endpoint?.lease) return [];
	const hasV6 = endpoint.lease.ip6 !== "";
	const table = tableName(engine.bridgeName);
	return state.ports
		.filter(({ hostIp, hostPort }) => hostPort !== 0 && !isLoopback(hostIp))
		.flatMap(({ hostIp, hostPort, port, protocol }) => {
			const isV6 = hostIp.includes(":");
			const everywhere = hostIp === "0.0.0.0" || hostIp === "::";
			const ips = everywhere ? host.filter((ip) => ip.includes(":") === isV6) : [hostIp];
			const map = `ports${isV6 ? "6" : ""}${everywhere ? "" : "_at"}`;
			const by = isV6 && !hasV6 ? "its proxy" : `map ${map} in table inet ${table}`;
			return ips.map((ip) => ({
				container: name,
				port: `${port}/${protocol}`,
				address: at(ip, hostPort),
				network: endpoint.name,
				by,
			}));
		});
}

/** By its own addresses: routed networks, and those that are a part of one that the host is in. */
function direct(engine: Engine, { name, state }: ListedContainer, { network: id, lease }: Endpoint): Exposed[] {
	const network = getNetworkById(engine.db, id);
	if (!network || !lease || network.config.internal) return [];
	const ips = [formatIpv4(lease.ip), ...(lease.ip6 ? [lease.ip6] : [])];
	const part = partOf(network.config);
	if (part) {
		const by = `${part.kind} on ${part.parent}: no rule of this host is asked`;
		return ips.map((address) => ({ container: name, port: "*", address, network: network.name, by }));
	}
	return ips.flatMap((ip) => byMode(engine, network, name, state.ports, ip));
}

function byMode(
	engine: Engine,
	network: NetworkRecord,
	container: string,
	ports: Container["state"]["ports"],
	ip: string,
): Exposed[] {
	const isV6 = ip.includes(":");
	const mode = gatewayMode(network.config, isV6 ? "ipv6" : "ipv4");
	const table = `table inet ${tableName(engine.bridgeName)}`;
	const common = { container, network: network.name };
	if (mode === "nat-unprotected") {
		return [{ ...common, port: "*", address: ip, by: `oifname "${network.config.device}" accept in ${table}` }];
	}
	if (mode !== "routed") return [];
	return ports
		.filter(({ hostPort, hostIp }) => hostPort === 0 && hostIp.includes(":") === isV6)
		.map(({ port, protocol }) => ({
			...common,
			port: `${port}/${protocol}`,
			address: at(ip, port),
			by: `set open${isV6 ? "6" : ""} in ${table}`,
		}));
}

const ofHost = ({ name }: ListedContainer, host: readonly string[]): Exposed => ({
	container: name,
	port: "*",
	address: host.join(" ") || "-",
	network: "host",
	by: "its own sockets on this host",
});
