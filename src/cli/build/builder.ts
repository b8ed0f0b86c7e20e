/** `builder prune`, `builder du`: the build cache. */
import { listCache, pruneCache } from "../../engine/build/cache.ts";
import { EngineError } from "../../errors.ts";
import { hexOf } from "../../store/layers.ts";
import type { Command } from "../command/command.ts";
import { bool, listOf, value } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { parseBytes } from "../flags/parse-size.ts";
import { parseTime } from "../flags/parse-time.ts";
import { confirm } from "../output/confirm.ts";
import { print } from "../output/output.ts";
import { renderTable } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";
import { ago, humanSize } from "../output/units.ts";

type CacheRecord = ReturnType<typeof listCache>[number];

const duFlags = {
	filter: listOf("Provide filter values", "filter", parseFilter),
	verbose: bool("Provide a more verbose output"),
};

export const du: Command<typeof duFlags> = {
	name: "builder du",
	usage: "[OPTIONS]",
	summary: "Show build cache usage",
	aliases: [],
	flags: duFlags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const until = untilOf(flags.filter);
		const records = listCache(await context.engine()).filter(({ used }) => until === undefined || used < until);
		if (flags.verbose) for (const record of records.toReversed()) print(forTerminal(1, `${verbose(record)}\n`));
		else print(forTerminal(1, tableOf(records.toReversed())));
		const sum = (some: readonly CacheRecord[]) => some.reduce((total, { size }) => total + size, 0);
		const free = records.filter(({ shared }) => !shared);
		print(`Shared:\t\t${humanSize(sum(records) - sum(free))}\n`);
		print(`Reclaimable:\t${humanSize(sum(free))}\nTotal:\t\t${humanSize(sum(records))}\n`);
		return 0;
	},
};

const pruneFlags = {
	all: bool("Remove all unused build cache, not just dangling ones", "a"),
	filter: listOf('Provide filter values (e.g., "until=24h")', "filter", parseFilter),
	force: bool("Do not prompt for confirmation", "f"),
	"keep-storage": value("Amount of disk space to keep for cache", "bytes", parseBytes),
};

export const prune: Command<typeof pruneFlags> = {
	name: "builder prune",
	usage: "[OPTIONS]",
	summary: "Remove build cache",
	aliases: [],
	flags: pruneFlags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const what = flags.all ? "all build cache" : "all dangling build cache";
		if (!flags.force && !confirm(`WARNING! This will remove ${what}. Are you sure you want to continue?`)) return 0;
		const until = untilOf(flags.filter);
		const removed = pruneCache(await context.engine(), {
			all: flags.all,
			until,
			keepBytes: flags["keep-storage"] ?? 0,
		});
		if (removed.length) print(forTerminal(1, tableOf(removed)));
		print(`Total:\t${humanSize(removed.filter(({ shared }) => !shared).reduce((sum, { size }) => sum + size, 0))}\n`);
		return 0;
	},
};

function untilOf(filters: readonly (readonly [string, string])[]): number | undefined {
	const groups = groupFilters(filters);
	for (const key of groups.keys()) {
		if (key !== "until" && key !== "unused-for") throw new EngineError("invalid", `invalid filter '${key}'`);
	}
	const text = groups.get("until")?.at(-1) ?? groups.get("unused-for")?.at(-1);
	if (text === undefined) return undefined;
	try {
		return Date.parse(parseTime(text, "until"));
	} catch (error) {
		throw new EngineError("invalid", (error as Error).message);
	}
}

const tableOf = (records: readonly CacheRecord[]): string =>
	renderTable(
		["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"],
		records.map(({ id, shared, size, used }) => [shortId(id), String(!shared), humanSize(size), ago(used)]),
	);

const shortId = (id: string): string => (id.startsWith("sha256:") ? hexOf(id) : id).slice(0, 25);

const verbose = (record: CacheRecord): string =>
	[
		`ID:\t\t${record.id}`,
		`Created at:\t${new Date(record.created).toISOString()}`,
		`Last used:\t${ago(record.used)}`,
		`Size:\t\t${humanSize(record.size)}`,
		`Reclaimable:\t${!record.shared}`,
		`Description:\t${record.description}`,
		`Type:\t\t${record.kind}`,
		"",
	].join("\n");
