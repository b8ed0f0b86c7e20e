/** `rm` */

import { remove } from "../../engine/container/remove.ts";
import { EngineError } from "../../errors.ts";
import { type Command, forEachName } from "../command/command.ts";
import { bool } from "../flags/flags.ts";
import { complain } from "../output/output.ts";

const flags = {
	force: bool("Force the removal of a running container (uses SIGKILL)", "f"),
	link: bool("Remove the specified link", "l"),
	volumes: bool("Remove anonymous volumes associated with the container", "v"),
};

export const rm: Command<typeof flags> = {
	name: "rm",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	summary: "Remove one or more containers",
	aliases: ["container rm", "container remove", "rm"],
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, async (name) => {
			if (name.trim() === "") throw new EngineError("invalid", "container name cannot be empty");
			try {
				if (flags.link) (await import("../../engine/network/remove-link.ts")).removeLink(engine, name);
				else await remove(engine, name, { force: flags.force, volumes: flags.volumes });
			} catch (error) {
				// What is to be gone is gone: docker says so, and is content.
				if (!(flags.force && error instanceof EngineError && error.code === "not-found")) throw error;
				complain(`Error response from daemon: ${error.message}\n`);
				return undefined;
			}
			return name;
		});
	},
};
