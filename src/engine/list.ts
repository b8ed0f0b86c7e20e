/** `ps`: which containers, by docker's filters. Pure, but for the store. */
import { EngineError } from "../errors.ts";
import { canonical, parseReference } from "../image/reference.ts";
import type { ListedContainer } from "../store/container-record.ts";
import { findContainer, listContainers } from "../store/containers.ts";
import type { Engine } from "./engine.ts";
import { findImage } from "./images.ts";

export interface ListOptions {
	readonly all: boolean;
	/** The last so many, in any state. */
	readonly last: number | undefined;
	/** key → values: values of one key mean "or", keys mean "and"; several labels mean "and". */
	readonly filters: ReadonlyMap<string, readonly string[]>;
}

type Test = (container: ListedContainer, value: string, engine: Engine) => boolean;

const STATUSES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** docker's word for a stored status. */
export const shownStatus = (container: Pick<ListedContainer, "state">): string =>
	container.state.status === "starting" ? "created" : container.state.status;

function labelMatches(labels: Readonly<Record<string, string>>, value: string): boolean {
	const equals = value.indexOf("=");
	if (equals < 0) return Object.hasOwn(labels, value);
	return labels[value.slice(0, equals)] === value.slice(equals + 1);
}

function nameMatches(name: string, pattern: string): boolean {
	try {
		const regex = new RegExp(pattern);
		return regex.test(name) || regex.test(`/${name}`);
	} catch {
		throw new EngineError("invalid", `invalid filter 'name=${pattern}': error parsing regexp`);
	}
}

const FILTERS: Readonly<Record<string, Test>> = {
	id: (container, value) => container.id.startsWith(value),
	name: (container, value) => nameMatches(container.name, value),
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
	ancestor: (container, value, engine) => {
		if (container.config.imageId.replace("sha256:", "").startsWith(value.replace("sha256:", ""))) return true;
		const image = findImage(engine, value);
		return (
			image !== undefined && container.config.imageId === image.id && sameRepository(container.config.image, value)
		);
	},
	before: (container, value, engine) => container.created < findContainer(engine.db, value).created,
	since: (container, value, engine) => container.created > findContainer(engine.db, value).created,
	volume: (container, value) =>
		container.config.host.mounts.some((mount) => mount.source === value || mount.destination === value),
	network: (container, value) => container.config.host.networkMode === value,
	expose: (container, value) => container.config.exposedPorts.includes(value.includes("/") ? value : `${value}/tcp`),
	publish: () => false, // nothing is published yet
	health: (_, value) => value === "none",
	"is-task": (_, value) => value === "false",
};

/** By ID or digest any name does; by name only that one. */
function sameRepository(used: string, asked: string): boolean {
	if (/^(sha256:)?[0-9a-f]+$/.test(asked)) return true;
	try {
		return canonical(parseReference(used)) === canonical(parseReference(asked));
	} catch {
		return false;
	}
}

export function list(engine: Engine, options: ListOptions): ListedContainer[] {
	for (const key of options.filters.keys()) {
		if (!Object.hasOwn(FILTERS, key)) throw new EngineError("invalid", `invalid filter '${key}'`);
	}
	const anyState =
		options.all || options.last !== undefined || options.filters.has("status") || options.filters.has("exited");
	const found = listContainers(engine.db).filter(
		(container) => (anyState || container.state.status === "running") && matches(engine, container, options.filters),
	);
	return options.last === undefined ? found : found.slice(0, options.last);
}

function matches(engine: Engine, container: ListedContainer, filters: ListOptions["filters"]): boolean {
	return [...filters].every(([key, values]) => {
		const test = (value: string) => FILTERS[key]?.(container, value, engine) ?? false;
		return key === "label" ? values.every(test) : values.some(test);
	});
}
