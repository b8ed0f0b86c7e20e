/** `network ls` */
import { shortId } from "../../engine/identifiers.ts";
import { filteredNetworks } from "../../engine/network/list.ts";
import type { Command } from "../command/command.ts";
import { bool, listOf, text } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { print } from "../output/output.ts";
import { labelsText, renderRows } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";
import { timestamp } from "../output/units.ts";

const flags = {
	filter: listOf('Provide filter values (e.g. "driver=bridge")', "filter", parseFilter, "f"),
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	"no-trunc": bool("Do not truncate the output"),
	quiet: bool("Only display network IDs", "q"),
};

export const ls: Command<typeof flags> = {
	name: "network ls",
	usage: "[OPTIONS]",
	summary: "List networks",
	aliases: ["network ls", "network list"],
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const networks = filteredNetworks(await context.engine(), groupFilters(flags.filter));
		const idOf = (id: string) => (flags["no-trunc"] ? id : shortId(id));
		if (flags.quiet && !flags.format) {
			for (const { id } of networks) print(`${idOf(id)}\n`);
			return 0;
		}
		const rows = networks.map(({ id, name, created, config }) => ({
			CreatedAt: timestamp(created),
			Driver: config.driver,
			ID: idOf(id),
			IPv4: "true",
			IPv6: String(config.subnets.some(({ subnet }) => subnet.includes(":"))),
			Internal: String(config.internal),
			Labels: labelsText(config.labels),
			Label: (key: string) => config.labels[key] ?? "",
			Name: name,
			Scope: "local",
		}));
		print(forTerminal(1, renderRows(rows, SHAPE, flags.format)));
		return 0;
	},
};

const SHAPE = {
	headers: {
		CreatedAt: "CREATED AT",
		Driver: "DRIVER",
		ID: "NETWORK ID",
		IPv4: "IPV4",
		IPv6: "IPV6",
		Internal: "INTERNAL",
		Labels: "LABELS",
		Name: "NAME",
		Scope: "SCOPE",
	},
	columns: ["ID", "Name", "Driver", "Scope"],
};
