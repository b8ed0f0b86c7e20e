/** `commit` */
import { commit as commitContainer } from "../../engine/build/commit.ts";
import type { Command } from "../command/command.ts";
import { bool, choice, list } from "../flags/flags.ts";
import { print } from "../output/output.ts";

const flags = {
	author: choice('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', "", "a"),
	change: list("Apply Dockerfile instruction to the created image", "c"),
	message: choice("Commit message", "", "m"),
	pause: bool("Pause container during commit", "p", true),
};

export const commit: Command<typeof flags> = {
	name: "commit",
	usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
	summary: "Create a new image from a container's changes",
	aliases: ["container commit", "commit"],
	flags,
	args: { min: 1, max: 2 },
	run: async (context, { flags: { author, message, change, pause }, args: [name = "", reference] }) => {
		const options = { author, message, reference, changes: change, pauses: pause };
		print(`${await commitContainer(await context.engine(), name, options)}\n`);
		return 0;
	},
};
