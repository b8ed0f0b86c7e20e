/** `container prune` */
import { pruneContainers } from "../../engine/container/prune.ts";
import type { Command } from "../command/command.ts";
import { pruneFilters, pruneFlags } from "../flags/prune-flags.ts";
import { confirm } from "../output/confirm.ts";
import { print } from "../output/output.ts";
import { deletedText } from "../output/pruned.ts";
import { humanSize } from "../output/units.ts";

const QUESTION = `WARNING! This will remove all stopped containers.
Are you sure you want to continue?`;

export const prune: Command<typeof pruneFlags> = {
	name: "container prune",
	usage: "[OPTIONS]",
	summary: "Remove all stopped containers",
	flags: pruneFlags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const filters = pruneFilters(flags.filter);
		if (!flags.force && !confirm(QUESTION)) return 0;
		const { ids, reclaimed } = pruneContainers(await context.engine(), filters);
		print(`${deletedText("Containers", ids)}Total reclaimed space: ${humanSize(reclaimed)}\n`);
		return 0;
	},
};
