/** `stop` */
import { stop as stopContainer } from "../../engine/container/stop.ts";
import { type Command, forEachName } from "../command/command.ts";
import { integer, text } from "../flags/flags.ts";

const flags = {
	signal: text("Signal to send to the container", "s"),
	timeout: integer("Seconds to wait before killing the container", "t"),
	time: integer("Deprecated: use --timeout"),
};

export const stop: Command<typeof flags> = {
	name: "stop",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	summary: "Stop one or more running containers",
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, async (name) => {
			await stopContainer(engine, name, { timeout: flags.timeout ?? flags.time, signal: flags.signal });
			return name;
		});
	},
};
