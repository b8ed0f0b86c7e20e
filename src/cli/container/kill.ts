/** `kill` */
import { kill as killContainer } from "../../engine/container/stop.ts";
import { type Command, forEachName } from "../command/command.ts";
import { choice } from "../flags/flags.ts";

const flags = { signal: choice("Signal to send to the container", "KILL", "s") };

export const kill: Command<typeof flags> = {
	name: "kill",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	summary: "Kill one or more running containers",
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, (name) => {
			killContainer(engine, name, flags.signal);
			return name;
		});
	},
};
