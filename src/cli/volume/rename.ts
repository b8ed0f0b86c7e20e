/** `volume rename`: docker has none. */
import { renameVolume } from "../../engine/volume/rename.ts";
import type { Command } from "../command/command.ts";
import { print } from "../output/output.ts";

export const rename: Command<Record<string, never>> = {
	name: "volume rename",
	usage: "VOLUME NEW_NAME",
	summary: "Rename a volume that no container has",
	flags: {},
	args: { min: 2, max: 2 },
	run: async (context, { args: [from = "", to = ""] }) => {
		renameVolume(await context.engine(), from, to);
		print(`${to}\n`);
		return 0;
	},
};
