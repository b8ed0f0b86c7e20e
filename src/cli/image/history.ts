/** `history` */
import { shortId } from "../../engine/identifiers.ts";
import { historyOf } from "../../engine/image/history.ts";
import { parsePlatform } from "../../image/reference/platform.ts";
import type { Command } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { print } from "../output/output.ts";
import { renderRows } from "../output/table.ts";
import { forTerminal } from "../output/terminal.ts";
import { ago, humanSize } from "../output/units.ts";

const flags = {
	format: text(
		"Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' (Go's text/template)",
	),
	human: bool("Print sizes and dates in human readable format", "H", true),
	"no-trunc": bool("Don't truncate output"),
	platform: text('Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
	quiet: bool("Only show image IDs", "q"),
};

const SHAPE = {
	headers: {
		ID: "IMAGE",
		CreatedSince: "CREATED",
		CreatedAt: "CREATED AT",
		CreatedBy: "CREATED BY",
		Size: "SIZE",
		Comment: "COMMENT",
	},
	columns: ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"],
};
const WIDTH = 45;

export const history: Command<typeof flags> = {
	name: "history",
	usage: "[OPTIONS] IMAGE",
	summary: "Show the history of an image",
	aliases: ["image history", "history"],
	flags,
	args: { min: 1, max: 1 },
	run: async (context, { flags, args: [name = ""] }) => {
		const steps = historyOf(
			await context.engine(),
			name,
			flags.platform === undefined ? undefined : parsePlatform(flags.platform),
		);
		const full = flags["no-trunc"];
		const cut = (words: string): string => (full || words.length <= WIDTH ? words : `${words.slice(0, WIDTH - 1)}…`);
		const idOf = (id: string | undefined): string => (id === undefined ? "<missing>" : full ? id : shortId(id));
		if (flags.quiet) {
			print(steps.map(({ id }) => `${idOf(id)}\n`).join(""));
			return 0;
		}
		const rows = steps.map(({ id, created, createdBy, size, comment }) => {
			const CreatedAt = new Date(created).toISOString().replace(/\.\d+Z$/, "Z");
			return {
				...{ ID: idOf(id), CreatedAt, CreatedBy: cut(createdBy.replaceAll("\t", " ")), Comment: comment },
				CreatedSince: flags.human ? (created ? ago(created) : "N/A") : CreatedAt,
				Size: flags.human ? humanSize(size) : String(size),
			};
		});
		print(forTerminal(1, renderRows(rows, SHAPE, flags.format)));
		return 0;
	},
};
