/** `network prune` */
import { pruneNetworks } from "../../engine/network/remove.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { bool, listOf } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { parseTime } from "../flags/parse-time.ts";
import { confirm } from "../output/confirm.ts";
import { print } from "../output/output.ts";

const flags = {
	filter: listOf('Provide filter values (e.g. "until=<timestamp>")', "filter", parseFilter),
	force: bool("Do not prompt for confirmation", "f"),
};

const QUESTION = `WARNING! This will remove all custom networks not used by at least one container.
Are you sure you want to continue?`;

export const prune: Command<typeof flags> = {
	name: "network prune",
	usage: "[OPTIONS]",
	summary: "Remove all unused networks",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const filters = groupFilters(flags.filter.map(([key, value]) => [key, key === "until" ? moment(value) : value]));
		if (!flags.force && !confirm(QUESTION)) return 0;
		const names = pruneNetworks(await context.engine(), filters);
		if (names.length) print(`Deleted Networks:\n${names.map((name) => `${name}\n`).join("")}\n`);
		return 0;
	},
};

function moment(text: string): string {
	try {
		return parseTime(text, "until");
	} catch (error) {
		throw new EngineError("invalid", (error as Error).message);
	}
}
