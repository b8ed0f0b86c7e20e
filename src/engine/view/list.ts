/** `ps`: which containers, by docker's filters. Pure, but for the store. */
import { EngineError } from "../../errors.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { findContainer, listContainers } from "../../store/containers.ts";
import { getImage } from "../../store/images.ts";
import type { Engine } from "../engine.ts";
import { type Filters, labelMatches, nameMatches, oneOf } from "../filters.ts";
import { findImage } from "../image/find.ts";
import { healthOf } from "./health.ts";

export interface ListOptions {
	readonly all: boolean;
	/** The last so many, in any state. */
	readonly last: number | undefined;
	readonly filters: Filters;
}

type Test = (container: ListedContainer, value: string, engine: Engine) => boolean;

const STATUSES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** docker's word for a stored status. */
export const shownStatus = ({ state }: Pick<ListedContainer, "state">): string =>
	state.status === "starting" ? "created" : state.status === "running" && state.paused ? "paused" : state.status;

const FILTERS: Readonly<Record<string, Test>> = {
	id: (container, value) => container.id.startsWith(value),
	name: (container, value) => nameMatches([container.name, `/${container.name}`], value),
	label: (container, value) => labelMatches(container.config.labels, value),
	status: (container, value) => {
		if (!STATUSES.includes(value)) {
			throw new EngineError("invalid", `invalid filter 'status=${value}': invalid value for state: ${value}`);
		}
		return shownStatus(container) === value;
	},
	exited: (container, value) => {
		if (!/^-?\d+$/.test(value)) throw new EngineError("invalid", `invalid filter 'exited=${value}'`);
		return container.state.status === "exited" && container.state.exitCode === Number(value);
	},
	// The image itself under any name, and what was built on it.
	ancestor: (container, value, engine) => {
		const image = findImage(engine, value);
		if (!image) return false;
		if (container.config.imageId === image.id) return true;
		const layers = getImage(engine.db, container.config.imageId)?.layers ?? [];
		return layers.length > image.layers.length && image.layers.every((layer, i) => layers[i] === layer);
	},
	before: (container, value, engine) => container.created < findContainer(engine.db, value).created,
	since: (container, value, engine) => container.created > findContainer(engine.db, value).created,
	volume: (container, value) =>
		container.config.host.mounts.some((mount) => mount.source === value || mount.destination === value),
	network: ({ config, state }, value) =>
		state.endpoints.some(({ name, network }) => name === value || (value !== "" && network.startsWith(value))) ||
		config.host.networkMode === value,
	expose: ({ config }, value) => {
		const wanted = portsOf("expose", value);
		return config.exposedPorts.some((text) => isAmong(wanted, Number.parseInt(text, 10), text.split("/")[1] ?? "tcp"));
	},
	publish: ({ state }, value) => {
		const wanted = portsOf("publish", value);
		return state.ports.some(({ hostPort, protocol }) => isAmong(wanted, hostPort, protocol));
	},
	health: (container, value, engine) =>
		oneOf("health", value, ["none", "starting", "healthy", "unhealthy"]) ===
		(container.state.status === "running" ? (healthOf(engine, container)?.status ?? "none") : "none"),
	"is-task": (_, value) => ["false", "0"].includes(oneOf("is-task", value, ["true", "false", "1", "0"])),
	isolation: (_, value) => value === "" || value === "default",
};

interface Ports {
	readonly first: number;
	readonly last: number;
	readonly protocol: string;
}

/** "80", "80-90/udp" */
function portsOf(key: string, value: string): Ports {
	const [, first, last = first, protocol = "tcp"] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(value) ?? [];
	if (first === undefined)
		throw new EngineError("invalid", `invalid filter '${key}=${value}': no port or range of ports`);
	return { first: Number(first), last: Number(last), protocol };
}

const isAmong = ({ first, last, protocol }: Ports, port: number, of: string): boolean =>
	protocol === of && port >= first && port <= last;

export function list(engine: Engine, options: ListOptions): ListedContainer[] {
	for (const key of options.filters.keys()) {
		if (!Object.hasOwn(FILTERS, key)) throw new EngineError("invalid", `invalid filter '${key}'`);
	}
	const anyState = options.all || options.last !== undefined || options.filters.has("status");
	const found = listContainers(engine.db).filter(
		(container) =>
			(anyState || container.state.status === "running" || container.state.status === "restarting") &&
			matches(engine, container, options.filters),
	);
	return options.last === undefined ? found : found.slice(0, options.last);
}

function matches(engine: Engine, container: ListedContainer, filters: ListOptions["filters"]): boolean {
	return [...filters].every(([key, values]) => {
		const test = (value: string) => FILTERS[key]?.(container, value, engine) ?? false;
		return key === "label" ? values.every(test) : values.some(test);
	});
}
