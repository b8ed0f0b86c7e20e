/** `ps` */

import type { Engine } from "../../engine/engine.ts";
import { shortId } from "../../engine/identifiers.ts";
import { healthOf } from "../../engine/view/health.ts";
import { list, shownStatus } from "../../engine/view/list.ts";
import { containerSizes } from "../../engine/view/sizes.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import type { Command } from "../command/command.ts";
import { bool, integer, listOf, text } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { complain, print } from "../output/output.ts";
import { labelsText, type Row, renderRows } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";
import { ago, humanDuration, humanSize, timestamp } from "../output/units.ts";

const flags = {
	all: bool("Show all containers (default shows just running)", "a"),
	filter: listOf("Filter output based on conditions provided", "filter", parseFilter, "f"),
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	last: integer("Show n last created containers (includes all states)", "n"),
	latest: bool("Show the latest created container (includes all states)", "l"),
	"no-trunc": bool("Don't truncate output"),
	quiet: bool("Only display container IDs", "q"),
	size: bool("Display total file sizes", "s"),
};

export const ps: Command<typeof flags> = {
	name: "ps",
	usage: "[OPTIONS]",
	summary: "List containers",
	aliases: ["container ls", "container list", "container ps", "ps"],
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const last = flags.last !== undefined && flags.last > 0 ? flags.last : flags.latest ? 1 : undefined;
		const engine = await context.engine();
		const containers = list(engine, { all: flags.all, last, filters: groupFilters(flags.filter) });
		if (flags.quiet && flags.format) {
			complain("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
		}
		if (flags.quiet) {
			for (const { id } of containers) print(`${flags["no-trunc"] ? id : shortId(id)}\n`);
			return 0;
		}
		const sized = flags.size || /\.Size\b/.test(flags.format ?? "");
		const rows = containers.map((container) => ({
			...rowOf(engine, container, flags["no-trunc"]),
			Size: sized ? sizeText(containerSizes(engine, container)) : "0B",
		}));
		const shape = flags.size ? { ...SHAPE, columns: [...SHAPE.columns, "Size"] } : SHAPE;
		print(forTerminal(1, renderRows(rows, shape, flags.format)));
		return 0;
	},
};

const SHAPE = {
	headers: {
		ID: "CONTAINER ID",
		Image: "IMAGE",
		Command: "COMMAND",
		RunningFor: "CREATED",
		CreatedAt: "CREATED AT",
		Status: "STATUS",
		State: "STATE",
		Ports: "PORTS",
		Names: "NAMES",
		Labels: "LABELS",
		Mounts: "MOUNTS",
		LocalVolumes: "LOCAL VOLUMES",
		Networks: "NETWORKS",
		Platform: "PLATFORM",
		Size: "SIZE",
	},
	columns: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"],
};

const sizeText = ({ own, total }: { readonly own: number; readonly total: number }): string =>
	`${humanSize(own)} (virtual ${humanSize(total)})`;

const COMMAND_WIDTH = 20;
const MOUNT_WIDTH = 15;
const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);

function rowOf(engine: Engine, container: ListedContainer, full: boolean): Row {
	const { config, state } = container;
	const command = [...(config.entrypoint ?? []), ...config.cmd]
		.map((word) => (word.includes(" ") ? `'${word}'` : word))
		.join(" ");
	const mounts = config.host.mounts.filter((mount) => mount.listed);
	return {
		ID: full ? container.id : shortId(container.id),
		Image: config.image,
		Command: JSON.stringify(full ? command : cut(command, COMMAND_WIDTH)),
		CreatedAt: timestamp(container.created),
		RunningFor: ago(container.created),
		Ports: state.status === "running" ? portsOf(container) : "",
		State: shownStatus(container),
		Status: statusText(container, state.status === "running" ? healthOf(engine, container)?.status : undefined),
		Names: container.name,
		Labels: labelsText(config.labels),
		Label: (name: string) => config.labels[name] ?? "",
		Mounts: mounts.map(({ source }) => (full ? source : cut(source, MOUNT_WIDTH))).join(","),
		LocalVolumes: String(mounts.filter(({ type }) => type === "volume").length),
		Networks: networksText(container),
		Platform: config.platform,
	};
}

function portsOf({ config: { exposedPorts }, state: { endpoints, ports } }: ListedContainer): string {
	if (endpoints.length === 0 || (exposedPorts.length === 0 && ports.length === 0)) return "";
	const { portsText } = require("./ports-text.ts") as typeof import("./ports-text.ts");
	return portsText(exposedPorts, ports);
}

function networksText({ config, state: { endpoints } }: ListedContainer): string {
	const mode = config.host.networkMode;
	if (endpoints.length) return endpoints.map(({ name }) => name).join(",");
	return mode === "host" || mode === "none" ? mode : ""; // of another container: that one tells
}

const healthText = (health: string | undefined): string =>
	health === undefined ? "" : health === "starting" ? " (health: starting)" : ` (${health})`;

/** "Up 5 minutes", "Exited (137) 2 hours ago". */
export function statusText({ state }: Pick<ListedContainer, "state">, health?: string, now = Date.now()): string {
	switch (state.status) {
		case "running":
			return `Up ${humanDuration(now - (state.startedAt ?? now))}${state.paused ? " (Paused)" : healthText(health)}`;
		case "restarting":
			return `Restarting (${state.exitCode}) ${ago(state.finishedAt ?? now, now)}`;
		case "exited":
			return `Exited (${state.exitCode}) ${ago(state.finishedAt ?? now, now)}`;
		case "removing":
			return "Removal In Progress";
		case "dead":
			return "Dead";
		default:
			return "Created";
	}
}
