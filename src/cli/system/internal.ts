/** `internal reap ID`: what the monitor starts when a container has ended and nobody waits for it. */
import { Engine } from "../../engine/engine.ts";
import { reap } from "../../engine/settle/reap.ts";
import type { Command } from "../command/command.ts";

export const reapCommand: Command<Record<string, never>> = {
	name: "internal reap",
	aliases: [],
	usage: "ID",
	summary: "Tidy up after a container that has ended",
	flags: {},
	args: { min: 1, max: 1 },
	run: async ({ global }, { args }) => {
		const engine = await Engine.open({ root: global.root, run: global.run, self: [process.execPath] });
		reap(engine, args[0] ?? "");
		return 0;
	},
};
