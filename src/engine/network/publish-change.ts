/**
 * Ports of a container that runs, published and taken back: what leads to them are elements of a map, which come and go, and
 * sockets of a proxy. Connections that go by the rules are not touched; those that a proxy carries end with it.
 */
import { EngineError } from "../../errors.ts";
import { endProxies } from "../../network/proxy.ts";
import type { Container, HostConfig } from "../../store/container-record.ts";
import { updateState } from "../../store/containers.ts";
import type { PortMapping } from "../../store/endpoint-record.ts";
import { putLiveRecord } from "../../store/live-records.ts";
import type { Engine } from "../engine.ts";
import { publishingEndpoint } from "./gateway.ts";
import { bindAll, holdPorts, publish, rebind } from "./publish.ts";
import { leadPorts, publishedPorts } from "./table.ts";

type Binding = HostConfig["portBindings"][number];

/** Which of the published ports: all of a container's port, or those at one place of the host. */
export type PortChoice = Binding;

export const isChosen = (
	choice: PortChoice,
	one: Pick<Binding, "protocol" | "port"> & { readonly hostIp: string; readonly hostPort: string | number },
): boolean =>
	choice.protocol === one.protocol &&
	choice.port === one.port &&
	(choice.hostPort === "" || choice.hostPort === String(one.hostPort)) &&
	(choice.hostIp === "" || choice.hostIp === one.hostIp);

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
	const changed = record(engine, container, [...container.state.ports, ...bound.mappings]);
	try {
		publish(engine, changed, bound, pid);
		return changed;
	} catch (error) {
		unpublishSome(engine, changed, bound.mappings, pid);
		throw error;
	}
}

/** Returns the container without them. */
export function unpublishSome(
	engine: Engine,
	container: Container,
	ports: readonly PortMapping[],
	pid: number,
): Container {
	const left = container.state.ports.filter((one) => !ports.includes(one));
	let changed = container;
	endProxies(engine.paths.live(container.id));
	leadPorts(engine, "delete", publishedPorts(engine, ports, container.state.endpoints), () => {
		changed = record(engine, container, left);
	});
	if (left.length === 0) return changed;
	using bound = rebind(changed);
	holdPorts(engine, changed, bound, pid);
	return changed;
}

function record(engine: Engine, container: Container, ports: readonly PortMapping[]): Container {
	const state = { ...container.state, ports: [...ports] };
	engine.transaction(() => updateState(engine.db, container.id, state));
	const changed = { ...container, state };
	putLiveRecord(engine.paths, changed);
	return changed;
}
