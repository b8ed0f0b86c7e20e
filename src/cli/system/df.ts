/** `system df` */
import { shortId } from "../../engine/identifiers.ts";
import { type DiskUsage, diskUsageOf, type Part } from "../../engine/system/disk-usage.ts";
import type { Command } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { type Row, renderRows, renderTable } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";
import { ago, humanSize } from "../output/units.ts";
import { statusText } from "../view/ls.ts";

const flags = {
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	verbose: bool("Show detailed information on space usage", "v"),
};

const SHAPE = {
	headers: { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" },
	columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
};

export const df: Command<typeof flags> = {
	name: "system df",
	usage: "[OPTIONS]",
	summary: "Show docker disk usage",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags: { format, verbose } }) => {
		if (verbose && format) {
			complain("the verbose flag and the format flag cannot be used together\n");
			return 1;
		}
		const usage = diskUsageOf(await context.engine());
		print(forTerminal(1, verbose ? details(usage) : renderRows(rowsOf(usage), SHAPE, format)));
		return 0;
	},
};

const rowsOf = ({ images, containers, volumes, cache }: DiskUsage): Row[] => [
	row("Images", images),
	row("Containers", containers),
	row("Local Volumes", volumes),
	row("Build Cache", cache),
];

function row(Type: string, { total, active, size, reclaimable }: Part): Row {
	const percent = size > 0 && Type !== "Build Cache" ? ` (${Math.trunc((reclaimable / size) * 100)}%)` : "";
	return {
		...{ Type, TotalCount: String(total), Active: String(active), Size: humanSize(size) },
		Reclaimable: `${humanSize(reclaimable)}${percent}`,
	};
}

function details({ images, containers, volumes, cache }: DiskUsage): string {
	const imageRows = images.each.map(({ repository, tag, id, created, size, shared, containers: count }) => [
		...[repository, tag, shortId(id), ago(created)],
		...[humanSize(size), humanSize(shared), humanSize(size - shared), String(count)],
	]);
	const containerRows = containers.each.map(({ container, size }) => {
		const command = [...(container.config.entrypoint ?? []), ...container.config.cmd].join(" ");
		const ownVolumes = container.config.host.mounts.filter(({ type }) => type === "volume").length;
		return [
			...[shortId(container.id), container.config.image, JSON.stringify(command.slice(0, 20)), String(ownVolumes)],
			...[humanSize(size), ago(container.created), statusText(container), container.name],
		];
	});
	const cacheRows = cache.each.map(({ id, kind, size, created, used, shared }) => [
		...[shortId(id), kind, humanSize(size), ago(created), ago(used)],
		String(shared),
	]);
	return [
		"Images space usage:\n",
		renderTable(
			["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
			imageRows,
		),
		"Containers space usage:\n",
		renderTable(
			["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"],
			containerRows,
		),
		"Local Volumes space usage:\n",
		renderTable(
			["VOLUME NAME", "LINKS", "SIZE"],
			volumes.each.map(({ name, links, size }) => [name, String(links), humanSize(size)]),
		),
		`Build cache usage: ${humanSize(cache.size)}\n`,
		renderTable(["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "SHARED"], cacheRows),
	].join("\n");
}
