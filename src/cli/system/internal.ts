/** `internal reap ID`: what the monitor starts when a container has ended and nobody waits for it (native/monitor.c). */
import { startWhenDue } from "../../engine/container/restart.ts";
import { Engine } from "../../engine/engine.ts";
import { reap } from "../../engine/settle/reap.ts";
import type { Command } from "../command/command.ts";
import { engineOptions } from "../command/global.ts";
import { print } from "../output/output.ts";

/** The container is to be started again after the milliseconds that are printed: to be called again then. */
const LATER = 100;

export const reapCommand: Command<Record<string, never>> = {
	name: "internal reap",
	aliases: [],
	usage: "ID",
	summary: "Tidy up after a container that has ended, and start it again if it is to be",
	flags: {},
	args: { min: 1, max: 1 },
	run: async ({ global }, { args: [id = ""] }) => {
		const engine = await Engine.open(engineOptions(global.root, global.run));
		if (!reap(engine, id)) return 0;
		const left = startWhenDue(engine, id);
		if (left === undefined) return 0;
		print(String(left));
		return LATER;
	},
};
