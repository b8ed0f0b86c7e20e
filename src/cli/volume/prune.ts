/** `volume prune` */
import { pruneVolumes } from "../../engine/volume/remove.ts";
import type { Command } from "../command/command.ts";
import { bool, listOf } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { confirm } from "../output/confirm.ts";
import { complain, print } from "../output/output.ts";
import { deletedText } from "../output/pruned.ts";
import { humanSize } from "../output/units.ts";

const flags = {
	all: bool("Remove all unused volumes, not just anonymous ones", "a"),
	filter: listOf('Provide filter values (e.g. "label=<label>")', "filter", parseFilter),
	force: bool("Do not prompt for confirmation", "f"),
};

export const prune: Command<typeof flags> = {
	name: "volume prune",
	usage: "[OPTIONS]",
	summary: "Remove unused local volumes",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const filters = groupFilters(flags.filter);
		if (flags.all && filters.has("all")) {
			complain("conflicting options: cannot specify both --all and --filter all=1\n");
			return 1;
		}
		const which = flags.all ? "all" : "anonymous";
		const question = `WARNING! This will remove ${which} local volumes not used by at least one container.\nAre you sure you want to continue?`;
		if (!flags.force && !confirm(question)) return 0;
		const { names, reclaimed } = pruneVolumes(await context.engine(), { all: flags.all, filters });
		print(`${deletedText("Volumes", names)}Total reclaimed space: ${humanSize(reclaimed)}\n`);
		return 0;
	},
};
