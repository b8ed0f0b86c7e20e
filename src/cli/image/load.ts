/** `load` */
import { loadArchive } from "../../engine/image/load.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { archiveOf } from "../flags/archive-input.ts";
import { bool, text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";

const flags = {
	input: text("Read from tar archive file, instead of STDIN", "i"),
	quiet: bool("Suppress the load output", "q"),
};

export const load: Command<typeof flags> = {
	name: "load",
	aliases: ["image load", "load"],
	usage: "[OPTIONS]",
	summary: "Load an image from a tar archive or STDIN",
	flags,
	notYet: ["platform"],
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const { input } = flags;
		if (input === undefined && isTerminal(0)) {
			complain("requested load from stdin, but stdin is empty\n");
			return 1;
		}
		for (const { id, names } of await loadArchive(await context.engine(), archiveOf(input))) {
			if (names.length === 0) print(`Loaded image ID: ${id}\n`);
			for (const name of names) print(`Loaded image: ${name}\n`);
		}
		return 0;
	},
};
