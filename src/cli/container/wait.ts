/** `wait` */
import { wait as waitFor } from "../../engine/container/wait.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { complain, print } from "../output/output.ts";

export const wait: Command<Record<string, never>> = {
	name: "wait",
	usage: "CONTAINER [CONTAINER...]",
	summary: "Block until one or more containers stop, then print their exit codes",
	aliases: ["container wait", "wait"],
	flags: {},
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { args }) => {
		const engine = await context.engine();
		// All at once: who is removed while another still runs has its code told all the same. In the order they were named.
		const codes = args.map((name) =>
			waitFor(engine, name).catch((error: unknown) => {
				if (error instanceof EngineError) return error;
				throw error;
			}),
		);
		let failed = 0;
		for (const code of codes) {
			const result = await code;
			if (result instanceof EngineError) {
				complain(`Error response from daemon: ${result.message}\n`);
				failed = 1;
			} else print(`${result}\n`);
		}
		return failed;
	},
};
