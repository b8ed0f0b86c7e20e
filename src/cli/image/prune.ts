/** `image prune` */
import { pruneImages } from "../../engine/image/prune.ts";
import type { Command } from "../command/command.ts";
import { bool } from "../flags/flags.ts";
import { pruneFilters, pruneFlags } from "../flags/prune-flags.ts";
import { confirm } from "../output/confirm.ts";
import { print } from "../output/output.ts";
import { deletedText, imageLines } from "../output/pruned.ts";
import { humanSize } from "../output/units.ts";

const flags = { all: bool("Remove all unused images, not just dangling ones", "a"), ...pruneFlags };

export const prune: Command<typeof flags> = {
	name: "image prune",
	usage: "[OPTIONS]",
	summary: "Remove unused images",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const filters = pruneFilters(flags.filter);
		const which = flags.all ? "all images without at least one container associated to them" : "all dangling images";
		const question = `WARNING! This will remove ${which}.\nAre you sure you want to continue?`;
		if (!flags.force && !confirm(question)) return 0;
		const { images, reclaimed } = pruneImages(await context.engine(), { all: flags.all, filters });
		print(`${deletedText("Images", imageLines(images))}Total reclaimed space: ${humanSize(reclaimed)}\n`);
		return 0;
	},
};
