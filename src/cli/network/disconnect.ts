/** `network disconnect` */
import { disconnectContainer } from "../../engine/network/connect.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { bool } from "../flags/flags.ts";

const flags = { force: bool("Force the container to disconnect from a network", "f") };

export const disconnect: Command<typeof flags> = {
	name: "network disconnect",
	usage: "[OPTIONS] NETWORK CONTAINER",
	summary: "Disconnect a container from a network",
	flags,
	args: { min: 2, max: 2 },
	run: async (context, { flags, args: [network = "", container = ""] }) => {
		const engine = await context.engine();
		try {
			disconnectContainer(engine, network, container);
		} catch (error) {
			// Forced, a container that is gone is disconnected.
			if (!(flags.force && error instanceof EngineError && error.message.startsWith("No such container"))) throw error;
		}
		return 0;
	},
};
