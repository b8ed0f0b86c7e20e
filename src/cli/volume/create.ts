/** `volume create` */
import { createVolume } from "../../engine/volume/create.ts";
import type { Command } from "../command/command.ts";
import { choice, listOf } from "../flags/flags.ts";
import { checkedLabel, parseLabels } from "../flags/parse-env.ts";
import { parsePair } from "../flags/parse-pair.ts";
import { complain, print } from "../output/output.ts";
import { SWARM_FLAGS } from "./swarm.ts";

const flags = {
	driver: choice("Specify volume driver name", "local", "d"),
	label: listOf("Set metadata for a volume", "list", checkedLabel),
	opt: listOf("Set driver specific options", "map", parsePair, "o"),
	name: { ...choice("Specify volume name", ""), hidden: true }, // docker's, before the name became an argument
};

export const create: Command<typeof flags> = {
	name: "volume create",
	usage: "[OPTIONS] [VOLUME]",
	summary: "Create a volume",
	flags,
	notYet: SWARM_FLAGS,
	args: { min: 0, max: 1 },
	run: async (context, { flags, args }) => {
		if (flags.name && args.length) {
			complain("conflicting options: either specify --name or provide positional arg, not both\n");
			return 1;
		}
		const { name } = createVolume(await context.engine(), {
			name: args[0] || flags.name || undefined,
			driver: flags.driver,
			options: Object.fromEntries(flags.opt),
			labels: parseLabels(flags.label, []),
		});
		print(`${name}\n`);
		return 0;
	},
};
