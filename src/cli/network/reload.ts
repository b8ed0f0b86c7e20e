/** `network reload`: not docker's, whose daemon is started again for it; podman has one. */
import { reloadNetworks } from "../../engine/network/reload.ts";
import type { Command } from "../command/command.ts";
import { complain, print } from "../output/output.ts";

export const reload: Command<Record<string, never>> = {
	name: "network reload",
	usage: "",
	summary: "Put back what a firewall or somebody else took away: bridges, links and rules of all networks",
	flags: {},
	args: { min: 0, max: 0 },
	run: async (context) => {
		const { networks, warnings } = reloadNetworks(await context.engine());
		for (const warning of warnings) complain(`WARNING: ${warning}\n`);
		for (const name of networks) print(`${name}\n`);
		return 0;
	},
};
