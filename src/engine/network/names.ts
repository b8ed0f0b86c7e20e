/**
 * Names of containers in networks that users made: who starts is written into the networks' zones before its program runs,
 * and taken out at its end. The first one of a network begins its name server; the server ends by itself with the last.
 */
import { EngineError } from "../../errors.ts";
import { OTHER_DNS_PORT } from "../../network/foreign-rules.ts";
import { changedZone, startNameServer, zoneLine } from "../../network/names.ts";
import { spawnNative } from "../../runtime/monitor-process.ts";
import type { Container } from "../../store/container-record.ts";
import type { Endpoint } from "../../store/endpoint-record.ts";
import { getNetworkById, type NetworkRecord } from "../../store/networks.ts";
import { Fd } from "../../sys/fd.ts";
import { lockFile } from "../../sys/file.ts";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "../../sys/fs.ts";
import { bindSocket } from "../../sys/ip-socket.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../identifiers.ts";
import { hostServers } from "./names-files.ts";
import { DNS_PORT, namesPorts, serverFile, serverPort } from "./names-port.ts";
import { subnetOf } from "./subnet.ts";
import { leadPorts } from "./table.ts";

/** Whether containers have names there. */
export const hasNames = ({ lease }: Pick<Endpoint, "lease">): boolean => Boolean(lease?.resolver);

/** What the others in the network may call it, each once; the first is its own. */
export const dnsNames = ({ id, name, config }: Container, { aliases }: Endpoint): string[] => [
	...new Set([name, ...aliases, shortId(id), config.hostname]),
];

/** Puts the container, whose first process waits in its namespaces, into the zones of its networks. */
export function announce(engine: Engine, container: Container, pid: number): void {
	const { dns } = container.config.host;
	const servers = dns.length ? dns : hostServers();
	// Who is cut off from the outside reaches it by no questions either (CVE-2024-29018).
	const hasWayOut = container.state.endpoints.some(({ lease }) => lease?.gateway || lease?.onLink);
	const endpoints = container.state.endpoints.filter(hasNames);
	// It asks the server of one of its networks, who knows those of the others too.
	const links = endpoints.flatMap((one) => one.links.map((link) => link.split(":").reverse().join(":")));
	for (const endpoint of endpoints) {
		const network = getNetworkById(engine.db, endpoint.network);
		const { lease } = endpoint;
		if (!network || !lease) continue;
		const line = zoneLine({
			id: container.id,
			pid,
			startTime: startTime(pid) ?? 0,
			ip: lease.ip,
			ip6: lease.ip6,
			names: dnsNames(container, endpoint),
			servers: hasWayOut ? servers : [],
			links,
			others: endpoints.filter((other) => other !== endpoint).map((other) => other.network),
		});
		using _lock = zoneLock(engine, network.id);
		changeZone(engine, network.id, container.id, line);
		ensureServer(engine, network);
	}
}

/** Repeatable. */
export function withdraw(engine: Engine, { id, state }: Container): void {
	for (const { network } of state.endpoints.filter(hasNames)) {
		if (!existsSync(`${zoneOf(engine, network)}/names`)) continue;
		using _lock = zoneLock(engine, network);
		changeZone(engine, network, id, undefined);
	}
}

const zoneOf = (engine: Engine, network: string): string => `${engine.paths.zones}/${network}`;

/** The server takes it too, before it ends. */
function zoneLock(engine: Engine, network: string): Disposable {
	mkdirSync(zoneOf(engine, network), { recursive: true, mode: 0o700 });
	return lockFile(`${zoneOf(engine, network)}/lock`);
}

/** A new file in the place of the old one: the server, who looks at its inode, never reads half of it. */
function changeZone(engine: Engine, network: string, container: string, line: string | undefined): void {
	const path = `${zoneOf(engine, network)}/names`;
	const before = existsSync(path) ? readFileSync(path, "utf8") : "";
	writeFileSync(`${path}.new`, changedZone(before, container, line), { mode: 0o600 });
	renameSync(`${path}.new`, path);
}

/** Where names are asked for, and where they are answered if a server of the host listens on all addresses at 53. */
const PORTS = [DNS_PORT, OTHER_DNS_PORT];

function ensureServer(engine: Engine, network: NetworkRecord): void {
	if (serverPort(engine, network.id) !== undefined) return;
	const gateway = subnetOf(network)?.gateway;
	if (gateway === undefined) return;
	const ip = formatIpv4(gateway);
	for (const port of PORTS) {
		using udp = freed(bindSocket("udp", ip, port));
		using tcp = udp && freed(bindSocket("tcp", ip, port));
		if (!udp || !tcp) continue;
		const { id, name } = network;
		const pid = startNameServer(spawnNative, { zones: engine.paths.zones, id, name }, [udp, tcp]);
		writeFileSync(serverFile(engine, network.id), `${pid} ${startTime(pid) ?? 0} ${port}`, { mode: 0o600 });
		if (port !== PORTS[0]) leadPorts(engine, "add", namesPorts(engine, network));
		return;
	}
	throw new EngineError(
		"failed",
		`the name server of network ${network.name} can have neither port of ${ip}: ${PORTS.join(", ")}`,
	);
}

const freed = (socket: Fd | string): Fd | undefined => (socket instanceof Fd ? socket : undefined);
