/** `rename` */
import { rename as renameContainer } from "../../engine/container/rename.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { complain } from "../output/output.ts";

export const rename: Command<Record<string, never>> = {
	name: "rename",
	usage: "CONTAINER NEW_NAME",
	summary: "Rename a container",
	aliases: ["container rename", "rename"],
	flags: {},
	args: { min: 2, max: 2 },
	run: async (context, { args: [name = "", newName = ""] }) => {
		const engine = await context.engine();
		try {
			renameContainer(engine, name, newName);
			return 0;
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			complain(`Error response from daemon: ${error.message}\nError: failed to rename container named ${name}\n`);
			return 1;
		}
	},
};
