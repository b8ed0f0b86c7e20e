/** `system boot` */
import { startAtBoot } from "../../engine/container/start-at-boot.ts";
import type { Command } from "../command/command.ts";
import { complain, print } from "../output/output.ts";

export const systemBoot: Command<Record<string, never>> = {
	name: "system boot",
	usage: "",
	summary: "Start the containers that are to run whenever this machine does (--restart always, unless-stopped)",
	flags: {},
	args: { min: 0, max: 0 },
	run: async (context) => {
		const { started, failed } = startAtBoot(await context.engine());
		for (const name of started) print(`${name}\n`);
		for (const { name, reason } of failed) complain(`container ${name} cannot be started: ${reason}\n`);
		return failed.length ? 1 : 0;
	},
};
