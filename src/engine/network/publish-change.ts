/**
 * Ports of a container that runs, published and taken back: what leads to them are elements of a map, which come and go, and
 * sockets of a proxy. Connections that the proxy carries end when one of its ports is taken back.
 */
import { EngineError } from "../../errors.ts";
import { PROTOCOLS } from "../../network/port-map.ts";
import { endProxies, heldSockets, replaceProxies } from "../../network/proxy.ts";
import type { Container, HostConfig } from "../../store/container-record.ts";
import type { PortMapping } from "../../store/endpoint-record.ts";
import { forgetConnections } from "../../sys/conntrack.ts";
import { boundTo } from "../../sys/ip-socket.ts";
import type { Engine } from "../engine.ts";
import { recordState } from "../running.ts";
import { publishingEndpoint } from "./gateway.ts";
import { type BoundPorts, bindAll, holdPorts, publish, rebind } from "./publish.ts";
import { leadPorts, publishedPorts } from "./table.ts";

type Binding = HostConfig["portBindings"][number];

/** Which of the published ports: all of a container's port, or those at one place of the host. */
export type PortChoice = Binding;

const isOfPort = (one: Pick<Binding, "protocol" | "port">, other: Pick<Binding, "protocol" | "port">): boolean =>
	one.protocol === other.protocol && one.port === other.port;

/** Whether a port that is published now is named by its own place. */
const isNamed = (choice: PortChoice, one: PortMapping): boolean =>
	isOfPort(choice, one) &&
	(choice.hostPort === "" || choice.hostPort === String(one.hostPort)) &&
	(choice.hostIp === "" || choice.hostIp === one.hostIp);

/** How well a binding explains a port that is published now; 0: not. */
function fit(binding: Binding, one: PortMapping): number {
	if (!isOfPort(binding, one) || (binding.hostIp !== "" && binding.hostIp !== one.hostIp)) return 0;
	if (one.hostPort === 0 || binding.hostPort === String(one.hostPort)) return 3; // 0: a routed network, where no port of the host is
	if (binding.hostPort === "") return 1;
	const [first = 0, last = 0] = binding.hostPort.split("-").map(Number);
	return one.hostPort >= first && one.hostPort <= last ? 2 : 0;
}

/** The addresses that no address stands for. */
const EVERYWHERE = ["0.0.0.0", "::"];

export interface Unpublished {
	readonly bindings: readonly Binding[];
	/** Those of the ports that are published now that are no more. */
	readonly ports: readonly PortMapping[];
}

/** What is left of bindings, and what goes of the ports that are published now; undefined: the choice names none. Pure. */
export function unpublished(
	bindings: readonly Binding[],
	choice: PortChoice,
	now: readonly PortMapping[],
): Unpublished | undefined {
	const originOf = (one: PortMapping): Binding | undefined => {
		const best = [...bindings].sort((a, b) => fit(b, one) - fit(a, one))[0];
		return best && fit(best, one) > 0 ? best : undefined;
	};
	const named = now.filter((one) => isNamed(choice, one));
	const isMeant = (binding: Binding): boolean =>
		isOfPort(choice, binding) &&
		(choice.hostPort === "" || choice.hostPort === binding.hostPort || named.some((one) => originOf(one) === binding));
	const left = new Map<Binding, Binding[]>();
	for (const binding of bindings.filter(isMeant)) {
		if (choice.hostIp === "" || choice.hostIp === binding.hostIp) left.set(binding, []);
		else if (binding.hostIp === "" && EVERYWHERE.includes(choice.hostIp)) {
			left.set(
				binding,
				EVERYWHERE.filter((ip) => ip !== choice.hostIp).map((hostIp) => ({ ...binding, hostIp })),
			);
		}
	}
	const goes = (one: PortMapping): boolean => {
		const rest = left.get(originOf(one) ?? choice);
		return named.includes(one) || (rest !== undefined && !rest.some(({ hostIp }) => hostIp === one.hostIp));
	};
	if (left.size === 0 && named.length === 0) return undefined;
	return { bindings: bindings.flatMap((binding) => left.get(binding) ?? binding), ports: now.filter(goes) };
}

/** Returns the container with its new ports. Throws EngineError, in docker's words, for what another has; then nothing has changed. */
export function publishMore(
	engine: Engine,
	container: Container,
	bindings: readonly Binding[],
	pid: number,
): Container {
	if (!publishingEndpoint(container.state.endpoints)) {
		throw new EngineError(
			"invalid",
			`container ${container.name} is in no network that ports could be published of: connect it to one (network connect)`,
		);
	}
	using bound = bindAll(engine, container, bindings);
	// On record first: who makes all rules anew meanwhile makes these too.
	const changed = recordState(engine, container, { ports: [...container.state.ports, ...bound.mappings] });
	try {
		publish(engine, changed, bound, pid);
		return changed;
	} catch (error) {
		unpublishSome(engine, changed, bound.mappings, pid);
		throw error;
	}
}

/**
 * Returns the container without them. What its other ports are held by is never let go: a new proxy has duplicates of the sockets
 * before the old one ends.
 */
export function unpublishSome(
	engine: Engine,
	container: Container,
	ports: readonly PortMapping[],
	pid: number,
): Container {
	const { id, state } = container;
	const left = state.ports.filter((one) => !ports.includes(one));
	const directory = engine.paths.live(id);
	let changed = container;
	leadPorts(engine, "delete", publishedPorts(engine, ports, state.endpoints), () => {
		changed = recordState(engine, container, { ports: left });
	});
	keepHolding(engine, changed, directory, pid);
	forget(engine, container, ports);
	return changed;
}

function keepHolding(engine: Engine, container: Container, directory: string, pid: number): void {
	const sockets = heldSockets(directory);
	try {
		const kept = container.state.ports.flatMap((mapping) => {
			const socket = sockets.find((one) => isAt(boundTo(one.number), mapping));
			return socket ? [{ socket, mapping }] : [];
		});
		const hold = (ports: BoundPorts["ports"]) =>
			holdPorts(engine, container, { ports, mappings: [], [Symbol.dispose]: () => {} }, pid);
		if (kept.length > 0 || container.state.ports.length === 0) {
			replaceProxies(directory, () => hold(kept));
			return;
		}
		endProxies(directory); // a process may not be asked for its sockets here: they are bound anew
		using bound = rebind(container);
		hold(bound.ports);
	} finally {
		for (const socket of sockets) socket[Symbol.dispose]();
	}
}

const isAt = (place: ReturnType<typeof boundTo>, { protocol, hostIp, hostPort }: PortMapping): boolean =>
	place?.protocol === protocol && place.ip === hostIp && place.port === hostPort;

/** Connections that go on would go to it still, when another container has the port. */
function forget(engine: Engine, { state }: Container, ports: readonly PortMapping[]): void {
	for (const { ip, protocol, port } of publishedPorts(engine, ports, state.endpoints)) {
		forgetConnections(ip, { protocol: PROTOCOLS[protocol], port });
	}
}
