/** `port` */
import { EngineError } from "../../errors.ts";
import { findContainer } from "../../store/containers.ts";
import type { Command } from "../command/command.ts";
import { complain, print } from "../output/output.ts";
import { addressText, sortedPorts } from "./ports-text.ts";

export const port: Command<Record<string, never>> = {
	name: "port",
	usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
	summary: "List port mappings or a specific mapping for the container",
	aliases: ["container port", "port"],
	flags: {},
	args: { min: 1, max: 2 },
	run: async (context, { args }) => {
		const [name = "", wanted] = args;
		const { state } = findContainer((await context.engine()).db, name);
		const ports = sortedPorts(state.ports).map(({ protocol, hostIp, hostPort, port }) => ({
			inside: `${port}/${protocol}`,
			outside: `${addressText(hostIp)}:${hostPort}`,
		}));
		if (wanted === undefined) {
			for (const { inside, outside } of ports) print(`${inside} -> ${outside}\n`);
			return 0;
		}
		const key = keyOf(wanted);
		const found = ports.filter(({ inside }) => inside === key);
		if (found.length === 0) {
			complain(`Error: No public port '${wanted}' published for ${name}\n`);
			return 1;
		}
		for (const { outside } of found) print(`${outside}\n`);
		return 0;
	},
};

/** "80" → "80/tcp" */
function keyOf(text: string): string {
	const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text);
	if (!match || Number(match[1]) > 65535)
		throw new EngineError("usage", `invalid port (${text}): it is a number up to 65535, and /tcp, /udp or /sctp`);
	return `${Number(match[1])}/${match[2] ?? "tcp"}`;
}
