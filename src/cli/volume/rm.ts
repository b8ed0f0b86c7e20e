/** `volume rm` */
import { removeVolume } from "../../engine/volume/remove.ts";
import { EngineError } from "../../errors.ts";
import { type Command, forEachName } from "../command/command.ts";
import { bool } from "../flags/flags.ts";

const flags = { force: bool("Force the removal of one or more volumes", "f") };

export const rm: Command<typeof flags> = {
	name: "volume rm",
	usage: "[OPTIONS] VOLUME [VOLUME...]",
	summary: "Remove one or more volumes",
	aliases: ["volume rm", "volume remove"],
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, (name) => {
			try {
				removeVolume(engine, name);
			} catch (error) {
				// What is to be gone is gone. One that a container has is not taken from it, with force neither.
				if (!(flags.force && error instanceof EngineError && error.code === "not-found")) throw error;
			}
			return name;
		});
	},
};
