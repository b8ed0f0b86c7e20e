/** `export` */
import { exportContainer } from "../../engine/files/export.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { text } from "../flags/flags.ts";
import { toArchive } from "../output/archive-output.ts";
import { complain } from "../output/output.ts";

const flags = { output: text("Write to a file, instead of STDOUT", "o") };

export const exportCommand: Command<typeof flags> = {
	name: "export",
	usage: "[OPTIONS] CONTAINER",
	summary: "Export a container's filesystem as a tar archive",
	aliases: ["container export", "export"],
	flags,
	args: { min: 1, max: 1 },
	run: async (context, { flags: { output }, args: [name = ""] }) => {
		if (output === undefined && isTerminal(1)) {
			complain("cowardly refusing to save to a terminal. Use the -o flag or redirect\n");
			return 1;
		}
		const engine = await context.engine();
		toArchive(output, (sink) => exportContainer(engine, name, sink));
		return 0;
	},
};
