/** `diff` */
import { diff as changesOf } from "../../engine/view/diff.ts";
import type { Command } from "../command/command.ts";
import { print } from "../output/output.ts";
import { forTerminal } from "../output/terminal.ts";

export const diff: Command<Record<string, never>> = {
	name: "diff",
	usage: "CONTAINER",
	summary: "Inspect changes to files or directories on a container's filesystem",
	aliases: ["container diff", "diff"],
	flags: {},
	args: { min: 1, max: 1 },
	run: async (context, { args: [name = ""] }) => {
		const changes = changesOf(await context.engine(), name);
		print(changes.map(({ kind, path }) => `${kind} ${forTerminal(1, path)}\n`).join(""));
		return 0;
	},
};
