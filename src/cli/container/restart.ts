/** `restart` */
import { restart as restartContainer } from "../../engine/container/restart.ts";
import { type Command, forEachName } from "../command/command.ts";
import { integer, text } from "../flags/flags.ts";
import { complain } from "../output/output.ts";

const flags = {
	signal: text("Signal to send to the container", "s"),
	timeout: integer("Seconds to wait before killing the container", "t"),
	time: integer("Deprecated: use --timeout"),
};

export const restart: Command<typeof flags> = {
	name: "restart",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	summary: "Restart one or more containers",
	aliases: ["container restart", "restart"],
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, async (name) => {
			const { signal, timeout = flags.time } = flags;
			for (const warning of await restartContainer(engine, name, { timeout, signal })) {
				complain(`WARNING: ${warning}\n`);
			}
			return name;
		});
	},
};
