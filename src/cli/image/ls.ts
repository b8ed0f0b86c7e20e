/** `images` */

import { shortId } from "../../engine/identifiers.ts";
import { listImageRows } from "../../engine/image/list.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { bool, listOf, text } from "../flags/flags.ts";
import { groupFilters, parseFilter } from "../flags/parse-filter.ts";
import { parseTime } from "../flags/parse-time.ts";
import { complain, print } from "../output/output.ts";
import { type Row, renderRows } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";
import { ago, humanSize, timestamp } from "../output/units.ts";

const flags = {
	all: bool("Show all images (default hides intermediate images)", "a"),
	digests: bool("Show digests"),
	filter: listOf("Filter output based on conditions provided", "filter", parseFilter, "f"),
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	"no-trunc": bool("Don't truncate output"),
	quiet: bool("Only show image IDs", "q"),
};

export const images: Command<typeof flags> = {
	name: "images",
	usage: "[OPTIONS] [REPOSITORY[:TAG]]",
	summary: "List images",
	aliases: ["image ls", "image list", "images"],
	flags,
	notYet: ["tree"],
	args: { min: 0, max: 1 },
	run: async (context, { flags, args }) => {
		const found = listImageRows(await context.engine(), { pattern: args[0], filters: filtersOf(flags.filter) });
		if (flags.quiet && flags.format) {
			complain("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
		}
		if (flags.quiet) {
			for (const { id } of found) print(`${flags["no-trunc"] ? id : shortId(id)}\n`);
			return 0;
		}
		// Without the column, docker does not look them up.
		const asksDigest = flags.digests || /\.Digest\b/.test(flags.format ?? "");
		const rows = found.map(
			(row): Row => ({
				ID: flags["no-trunc"] ? row.id : shortId(row.id),
				Repository: row.repository || "<none>",
				Tag: row.tag || "<none>",
				Digest: (asksDigest && row.digest) || "<none>",
				CreatedSince: row.created ? ago(row.created) : "N/A",
				CreatedAt: timestamp(row.created),
				Size: humanSize(row.size),
				VirtualSize: humanSize(row.size),
				SharedSize: "N/A",
				UniqueSize: "N/A",
				Containers: "N/A", // docker counts them in `system df` alone
			}),
		);
		const columns = flags.digests
			? ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"]
			: ["Repository", "Tag", "ID", "CreatedSince", "Size"];
		print(forTerminal(1, renderRows(rows, { headers: HEADERS, columns }, flags.format)));
		return 0;
	},
};

/** `until` may be a duration back from now: the engine wants the moment. */
function filtersOf(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
	try {
		return groupFilters(pairs.map(([key, value]) => [key, key === "until" ? parseTime(value, "until") : value]));
	} catch (error) {
		throw new EngineError("invalid", (error as Error).message);
	}
}

const HEADERS = {
	ID: "IMAGE ID",
	Repository: "REPOSITORY",
	Tag: "TAG",
	Digest: "DIGEST",
	CreatedSince: "CREATED",
	CreatedAt: "CREATED AT",
	Size: "SIZE",
	VirtualSize: "VIRTUAL SIZE",
	SharedSize: "SHARED SIZE",
	UniqueSize: "UNIQUE SIZE",
	Containers: "CONTAINERS",
};
