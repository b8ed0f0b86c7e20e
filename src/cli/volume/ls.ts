/** `volume ls` */
import { filteredVolumes } from "../../engine/volume/list.ts";
import type { Command } from "../command/command.ts";
import { bool, listOf, text } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { print } from "../output/output.ts";
import { labelsText, renderRows } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";

const flags = {
	filter: listOf('Provide filter values (e.g. "dangling=true")', "filter", parseFilter, "f"),
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	quiet: bool("Only display volume names", "q"),
};

export const ls: Command<typeof flags> = {
	name: "volume ls",
	usage: "[OPTIONS]",
	summary: "List volumes",
	aliases: ["volume ls", "volume list"],
	flags,
	notYet: ["cluster there is no swarm: one host"],
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const engine = await context.engine();
		const volumes = filteredVolumes(engine, groupFilters(flags.filter));
		if (flags.quiet && !flags.format) {
			for (const { name } of volumes) print(`${name}\n`);
			return 0;
		}
		const rows = volumes.map(({ name, labels }) => ({
			Availability: "N/A",
			Driver: "local",
			Group: "N/A",
			Labels: labelsText(labels),
			Label: (key: string) => labels[key] ?? "",
			Links: "N/A",
			Mountpoint: engine.paths.volume(name),
			Name: name,
			Scope: "local",
			Size: "N/A",
			Status: "N/A",
		}));
		print(forTerminal(1, renderRows(rows, SHAPE, flags.format)));
		return 0;
	},
};

const SHAPE = {
	headers: {
		Availability: "AVAILABILITY",
		Driver: "DRIVER",
		Group: "GROUP",
		Labels: "LABELS",
		Links: "LINKS",
		Mountpoint: "MOUNTPOINT",
		Name: "VOLUME NAME",
		Scope: "SCOPE",
		Size: "SIZE",
		Status: "STATUS",
	},
	columns: ["Driver", "Name"],
};
