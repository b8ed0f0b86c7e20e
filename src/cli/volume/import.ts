/** `volume import`: docker has none; podman's form. */
import { importVolume } from "../../engine/volume/content.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { archiveOf } from "../flags/archive-input.ts";
import { complain, print } from "../output/output.ts";

export const importCommand: Command<Record<string, never>> = {
	name: "volume import",
	usage: "VOLUME FILE|-",
	summary: "Make a volume of a tar archive, compressed or not",
	flags: {},
	args: { min: 2, max: 2 },
	run: async (context, { args: [name = "", file = ""] }) => {
		if (file === "-" && isTerminal(0)) {
			complain("requested import from stdin, but stdin is a terminal\n");
			return 1;
		}
		await importVolume(await context.engine(), name, archiveOf(file === "-" ? undefined : file));
		print(`${name}\n`);
		return 0;
	},
};
