/**
 * Published ports: found free and held before the container runs, led to it by rules and a proxy, given back at its end.
 * The sockets are what keeps two containers, or another program of the host, from having the same port.
 */
import { EngineError } from "../../errors.ts";
import { routeLoopback } from "../../network/bridge.ts";
import { endProxies, startProxy } from "../../network/proxy.ts";
import { spawnNative } from "../../runtime/monitor-process.ts";
import type { Container, HostConfig } from "../../store/container-record.ts";
import { getContainer, listContainers, updateState } from "../../store/containers.ts";
import type { PortMapping } from "../../store/endpoint-record.ts";
import { getNetworkById } from "../../store/networks.ts";
import { forgetConnections } from "../../sys/conntrack.ts";
import { errnoText, SyscallError } from "../../sys/errno.ts";
import type { Fd } from "../../sys/fd.ts";
import { readFileSync } from "../../sys/fs.ts";
import { bindSocket, type Unbound } from "../../sys/ip-socket.ts";
import { formatIpv4, ipv4Bytes } from "../../sys/ipv4.ts";
import { parseIpv6 } from "../../sys/ipv6.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";
import { networkDefaults } from "./defaults.ts";
import { gatewayMode } from "./drivers.ts";
import { publishingEndpoint } from "./gateway.ts";
import { leadPorts, publishedPorts } from "./table.ts";

type Binding = HostConfig["portBindings"][number];

interface Bound {
	readonly mapping: PortMapping;
	/** undefined: the container is reached by its own address. */
	readonly socket: Fd | undefined;
}

/** Ports of the host that are bound; closed with their sockets unless a proxy has them. */
export interface BoundPorts extends Disposable {
	readonly ports: readonly Bound[];
	readonly mappings: readonly PortMapping[];
}

/** Binds all that the container publishes. Throws EngineError, in docker's words, for what another has; then none is bound. */
export const bindPorts = (engine: Engine, container: Container): BoundPorts =>
	bindAll(engine, container, wantedBindings(container));

/** The same of some. */
export function bindAll(engine: Engine, container: Container, bindings: readonly Binding[]): BoundPorts {
	const ports: Bound[] = [];
	const release = () => {
		for (const { socket } of ports) socket?.[Symbol.dispose]();
	};
	try {
		for (const binding of bindings) ports.push(...bind(engine, container, binding));
	} catch (error) {
		release();
		throw error;
	}
	return { ports, mappings: ports.map(({ mapping }) => mapping), [Symbol.dispose]: release };
}

function wantedBindings({ config: { host, exposedPorts } }: Container): readonly Binding[] {
	if (!host.publishAllPorts) return host.portBindings;
	const exposed = exposedPorts.map((text) => {
		const [port, protocol = "tcp"] = text.split("/");
		return { protocol: protocol as Binding["protocol"], port: Number(port), hostIp: "", hostPort: "" };
	});
	const isBound = (one: Binding) =>
		host.portBindings.some(({ protocol, port }) => protocol === one.protocol && port === one.port);
	return [...host.portBindings, ...exposed.filter((one) => !isBound(one))];
}

/** One port on the address asked for, or on all of both families: the same number on each. */
function bind(engine: Engine, container: Container, binding: Binding): Bound[] {
	const { protocol, port } = binding;
	const hostIp = binding.hostIp || defaultAddress(engine, container);
	const all = hostIp ? [hostIp] : ["0.0.0.0", "::"];
	const addresses = all.filter((address) => !isRouted(engine, container, address));
	const routed = all
		.filter((address) => !addresses.includes(address))
		.map((hostIp) => ({ socket: undefined, mapping: { protocol, hostIp, hostPort: 0, port } }));
	if (addresses.length === 0) return routed;
	let held: string | undefined;
	for (const hostPort of candidates(binding.hostPort)) {
		const sockets: Bound[] = [];
		held = undefined;
		for (const hostIp of addresses) {
			const socket = bound(container, protocol, hostIp, hostPort);
			if (typeof socket !== "string") {
				sockets.push({ socket, mapping: { protocol, hostIp, hostPort, port } });
			} else if (socket === "in use") held = hostIp;
			else if (socket === "no such address") {
				throw refused(
					container,
					`failed to bind host port ${shown(hostIp)}:${hostPort}/${protocol}: cannot assign requested address`,
				);
			} else if (hostIp !== "::") {
				throw refused(
					container,
					`failed to bind host port ${shown(hostIp)}:${hostPort}/${protocol}: protocol not supported`,
				);
			}
			if (held !== undefined) break;
		}
		if (held === undefined) return [...sockets, ...routed];
		for (const { socket } of sockets) socket?.[Symbol.dispose]();
		if (!/\D/.test(binding.hostPort) && binding.hostPort !== "")
			throw taken(engine, container, binding, held, hostPort);
	}
	throw refused(
		container,
		`no free port in ${binding.hostPort || "the range of dynamic ports"} for ${port}/${protocol}`,
	);
}

const shown = (ip: string): string => (ip.includes(":") ? `[${ip}]` : ip);

/** A socket, or why there is none; what else the kernel says (of a link-local address, that it needs a link) is told as docker does. */
function bound(container: Container, protocol: Binding["protocol"], hostIp: string, hostPort: number): Fd | Unbound {
	try {
		return bindSocket(protocol, hostIp, hostPort);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		throw refused(
			container,
			`failed to bind host port ${shown(hostIp)}:${hostPort}/${protocol}: ${errnoText(error.errno)}`,
		);
	}
}

/** docker's option of a network: where its containers' ports are published that name no address; "": everywhere. */
function defaultAddress(engine: Engine, { state }: Container): string {
	const network = getNetworkById(engine.db, publishingEndpoint(state.endpoints)?.network ?? "");
	const address =
		network?.config.options["com.docker.network.bridge.host_binding_ipv4"] ?? networkDefaults().publishAddress;
	return address === "0.0.0.0" || address === "::" ? "" : address;
}

function isRouted(engine: Engine, { state }: Container, hostIp: string): boolean {
	const endpoint = publishingEndpoint(state.endpoints);
	const network = getNetworkById(engine.db, endpoint?.network ?? "");
	if (!network || (hostIp.includes(":") && !endpoint?.lease?.ip6)) return false;
	return gatewayMode(network.config, hostIp.includes(":") ? "ipv6" : "ipv4") === "routed";
}

const EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range";

/** "8080", "8000-8010", or, for "", docker's range of those that nobody chose. */
function* candidates(hostPort: string): Generator<number> {
	const [first, last = first] = (hostPort || readFileSync(EPHEMERAL, "latin1").trim()).split(/[-\s]+/).map(Number);
	for (let port = first ?? 0; port <= (last ?? 0); port++) yield port;
}

const refused = ({ name, state }: Container, reason: string): EngineError =>
	new EngineError(
		"failed",
		`failed to set up container networking: driver failed programming external connectivity on endpoint ${name} (${publishingEndpoint(state.endpoints)?.lease?.id ?? ""}): ${reason}`,
	);

/** Who has it is told as docker tells it: another container, or another program. */
function taken(engine: Engine, container: Container, { protocol, port }: Binding, hostIp: string, hostPort: number) {
	const isOwn =
		container.config.host.portBindings.filter((one) => one.protocol === protocol && one.hostPort === String(hostPort))
			.length > 1;
	const own =
		isOwn ||
		listContainers(engine.db).some(
			({ id, state }) =>
				id !== container.id && state.ports.some((one) => one.protocol === protocol && one.hostPort === hostPort),
		);
	const host = shown(hostIp);
	if (own) return refused(container, `Bind for ${host}:${hostPort} failed: port is already allocated`);
	const lease = publishingEndpoint(container.state.endpoints)?.lease;
	const target = lease ? `:${formatIpv4(lease.ip)}:${port}` : "";
	return refused(
		container,
		`failed to bind host port for ${host}:${hostPort}${target}/${protocol}: address already in use`,
	);
}

/** Leads the ports to a container that waits to run. They are on record by now: unpublish() is the undo. */
export function publish(engine: Engine, container: Container, bound: BoundPorts, pid: number): void {
	const { state } = container;
	const endpoint = publishingEndpoint(state.endpoints);
	if (!endpoint?.lease) return; // a network without a way out: as docker, nothing is published
	holdPorts(engine, container, bound, pid);
	const device = getNetworkById(engine.db, endpoint.network)?.config.device;
	if (device) routeLoopback(device);
	using rtnetlink = new Rtnetlink();
	rtnetlink.setHairpin(endpoint.lease.link);
	leadPorts(engine, "add", publishedPorts(engine, bound.mappings, state.endpoints));
}

/** Gives the sockets to a proxy, which holds the ports and carries what rules do not. */
export function holdPorts(engine: Engine, { id, state }: Container, bound: BoundPorts, pid: number): void {
	const ip = publishingEndpoint(state.endpoints)?.lease?.ip;
	const proxied = bound.ports.flatMap(({ socket, mapping: { protocol, port } }) =>
		socket ? [{ protocol, port, socket }] : [],
	);
	if (ip === undefined || proxied.length === 0) return;
	startProxy(spawnNative, { id, pid, ip, directory: engine.paths.live(id) }, proxied);
}

/** Repeatable. First they are off the record; last, connections that go on are forgotten, or they would go to who comes next. */
export function unpublish(engine: Engine, { id, state }: Container): void {
	endProxies(engine.paths.live(id));
	leadPorts(engine, "delete", publishedPorts(engine, state.ports, state.endpoints), () =>
		engine.transaction(() => {
			const now = getContainer(engine.db, id)?.state;
			if (now) updateState(engine.db, id, { ...now, ports: [] });
		}),
	);
	for (const { lease } of state.endpoints) {
		if (lease) forgetConnections(ipv4Bytes(lease.ip));
		const ip6 = lease?.ip6 ? parseIpv6(lease.ip6) : undefined;
		if (ip6) forgetConnections(ip6);
	}
}

/** The same ports, led to another of its addresses: its networks have changed. */
export function republish(engine: Engine, before: Container, container: Container, pid: number): void {
	unpublish(engine, before);
	engine.transaction(() => updateState(engine.db, container.id, container.state)); // with its ports
	if (!publishingEndpoint(container.state.endpoints)) return; // until it has a way out again
	using bound = rebind(container);
	publish(engine, container, bound, pid);
}

/** Those on record: they were free a moment ago. */
export function rebind(container: Container): BoundPorts {
	const ports = container.state.ports.map((mapping) => {
		if (mapping.hostPort === 0) return { socket: undefined, mapping };
		const socket = bindSocket(mapping.protocol, mapping.hostIp, mapping.hostPort);
		if (typeof socket !== "string") return { socket, mapping };
		throw refused(container, `failed to bind host port ${mapping.hostIp}:${mapping.hostPort}: ${socket}`);
	});
	const release = () => {
		for (const { socket } of ports) socket?.[Symbol.dispose]();
	};
	return { ports, mappings: container.state.ports, [Symbol.dispose]: release };
}
