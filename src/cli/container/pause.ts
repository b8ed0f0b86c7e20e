/** `pause` */
import { pause as pauseContainer } from "../../engine/container/pause.ts";
import { type Command, forEachName } from "../command/command.ts";

export const pause: Command<Record<string, never>> = {
	name: "pause",
	usage: "CONTAINER [CONTAINER...]",
	summary: "Pause all processes within one or more containers",
	aliases: ["container pause", "pause"],
	flags: {},
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { args }) => {
		const engine = await context.engine();
		return forEachName(args, (name) => {
			pauseContainer(engine, name);
			return name;
		});
	},
};
