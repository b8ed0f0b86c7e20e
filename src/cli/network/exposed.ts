/** `network exposed`: docker has none. */
import { exposedPorts } from "../../engine/network/exposed.ts";
import type { Command } from "../command/command.ts";
import { text } from "../flags/flags.ts";
import { print } from "../output/output.ts";
import { renderRows } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";

const flags = {
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
};

export const exposed: Command<typeof flags> = {
	name: "network exposed",
	usage: "[OPTIONS]",
	summary: "List what the outside can reach of containers, by which address and rule",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const rows = exposedPorts(await context.engine()).map(({ container, port, address, network, by }) => ({
			Container: container,
			Port: port,
			Address: address,
			Network: network,
			By: by,
		}));
		print(forTerminal(1, renderRows(rows, SHAPE, flags.format)));
		return 0;
	},
};

const SHAPE = {
	headers: { Container: "CONTAINER", Port: "PORT", Address: "ADDRESS", Network: "NETWORK", By: "BY" },
	columns: ["Container", "Port", "Address", "Network", "By"],
};
