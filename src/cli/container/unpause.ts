/** `unpause` */
import { unpause as unpauseContainer } from "../../engine/container/pause.ts";
import { type Command, forEachName } from "../command/command.ts";

export const unpause: Command<Record<string, never>> = {
	name: "unpause",
	usage: "CONTAINER [CONTAINER...]",
	summary: "Unpause all processes within one or more containers",
	aliases: ["container unpause", "unpause"],
	flags: {},
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { args }) => {
		const engine = await context.engine();
		return forEachName(args, (name) => {
			unpauseContainer(engine, name);
			return name;
		});
	},
};
