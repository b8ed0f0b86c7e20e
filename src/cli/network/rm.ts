/** `network rm` */
import { removeNetwork } from "../../engine/network/remove.ts";
import { EngineError } from "../../errors.ts";
import { type Command, forEachName } from "../command/command.ts";
import { bool } from "../flags/flags.ts";

const flags = { force: bool("Do not error if the network does not exist", "f") };

export const rm: Command<typeof flags> = {
	name: "network rm",
	usage: "NETWORK [NETWORK...]",
	summary: "Remove one or more networks",
	aliases: ["network rm", "network remove"],
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, (name) => {
			try {
				removeNetwork(engine, name);
			} catch (error) {
				if (!(flags.force && error instanceof EngineError && error.code === "not-found")) throw error;
				return undefined;
			}
			return name;
		});
	},
};
