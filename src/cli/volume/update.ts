/** `volume update`: of swarm's cluster volumes, of which there are none. */
import type { Command } from "../command/command.ts";
import { complain } from "../output/output.ts";
import { SWARM_FLAGS } from "./swarm.ts";

export const update: Command<Record<string, never>> = {
	name: "volume update",
	usage: "[OPTIONS] [VOLUME]",
	summary: "Update a volume (cluster volumes only)",
	flags: {},
	notYet: SWARM_FLAGS,
	args: { min: 0, max: 1 },
	run: () => {
		complain(
			"Error response from daemon: volume update is for swarm's cluster volumes, and there is no swarm: one host\n",
		);
		return 1;
	},
};
