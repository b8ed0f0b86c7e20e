/** `system prune` */
import { pruneSystem } from "../../engine/system/prune.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { bool } from "../flags/flags.ts";
import { pruneFilters, pruneFlags } from "../flags/prune-flags.ts";
import { confirm } from "../output/confirm.ts";
import { print } from "../output/output.ts";
import { deletedText, imageLines } from "../output/pruned.ts";
import { humanSize } from "../output/units.ts";

const flags = {
	all: bool("Remove all unused images not just dangling ones", "a"),
	...pruneFlags,
	volumes: bool("Prune anonymous volumes"),
};

export const prune: Command<typeof flags> = {
	name: "system prune",
	usage: "[OPTIONS]",
	summary: "Remove unused data",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const filters = pruneFilters(flags.filter);
		if (flags.volumes && filters.has("until")) {
			throw new EngineError("usage", 'ERROR: The "until" filter is not supported with "--volumes"');
		}
		if (!flags.force && !confirm(question(flags))) return 0;
		const engine = await context.engine();
		const removed = pruneSystem(engine, { all: flags.all, volumes: flags.volumes, filters });
		print(
			[
				deletedText("Containers", removed.containers.ids),
				deletedText("Volumes", removed.volumes.names),
				deletedText("Networks", removed.networks),
				deletedText("Images", imageLines(removed.images.images)),
				deletedText(
					"build cache objects",
					removed.cache.map(({ id }) => id.replace("sha256:", "")),
				),
				`Total reclaimed space: ${humanSize(removed.reclaimed)}\n`,
			].join(""),
		);
		return 0;
	},
};

function question(flags: { all: boolean; volumes: boolean; filter: readonly (readonly [string, string])[] }): string {
	const what = [
		"all stopped containers",
		"all networks not used by at least one container",
		...(flags.volumes ? ["all anonymous volumes not used by at least one container"] : []),
		flags.all ? "all images without at least one container associated to them" : "all dangling images",
		flags.all ? "all build cache" : "unused build cache",
	];
	const lines = (texts: readonly string[]) => texts.map((text) => `  - ${text}\n`).join("");
	const filters = flags.filter.map(([key, value]) => `${key}=${value}`).sort();
	const filtered = filters.length ? `\n  Items to be pruned will be filtered with:\n${lines(filters)}` : "";
	return `WARNING! This will remove:\n${lines(what)}${filtered}\nAre you sure you want to continue?`;
}
