/** `network prune` */
import { pruneNetworks } from "../../engine/network/remove.ts";
import type { Command } from "../command/command.ts";
import { pruneFilters, pruneFlags } from "../flags/prune-flags.ts";
import { confirm } from "../output/confirm.ts";
import { print } from "../output/output.ts";
import { deletedText } from "../output/pruned.ts";

const QUESTION = `WARNING! This will remove all custom networks not used by at least one container.
Are you sure you want to continue?`;

export const prune: Command<typeof pruneFlags> = {
	name: "network prune",
	usage: "[OPTIONS]",
	summary: "Remove all unused networks",
	flags: pruneFlags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const filters = pruneFilters(flags.filter);
		if (!flags.force && !confirm(QUESTION)) return 0;
		print(deletedText("Networks", pruneNetworks(await context.engine(), filters)));
		return 0;
	},
};
