/** `volume cp`: docker has none. */
import { copyVolume } from "../../engine/volume/content.ts";
import type { Command } from "../command/command.ts";
import { print } from "../output/output.ts";

export const cp: Command<Record<string, never>> = {
	name: "volume cp",
	usage: "VOLUME NEW_VOLUME",
	summary: "Copy a volume to a new one",
	flags: {},
	args: { min: 2, max: 2 },
	run: async (context, { args: [from = "", to = ""] }) => {
		copyVolume(await context.engine(), from, to);
		print(`${to}\n`);
		return 0;
	},
};
