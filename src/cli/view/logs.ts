/** `logs` */

import { logs as readLogs } from "../../engine/view/logs.ts";
import { EngineError } from "../../errors.ts";
import type { Command } from "../command/command.ts";
import { bool, choice, text } from "../flags/flags.ts";
import { parseTime } from "../flags/parse-time.ts";
import { drawOnError, print } from "../output/output.ts";

const flags = {
	follow: bool("Follow log output", "f"),
	since: text('Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
	tail: choice("Number of lines to show from the end of the logs", "all", "n"),
	timestamps: bool("Show timestamps", "t"),
	until: text('Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'),
};

export const logs: Command<typeof flags> = {
	name: "logs",
	usage: "[OPTIONS] CONTAINER",
	summary: "Fetch the logs of a container",
	aliases: ["container logs", "logs", "log"],
	flags,
	notYet: ["details"],
	args: { min: 1, max: 1 },
	run: async (context, { flags, args }) => {
		const time = (given: string | undefined, flag: string): string | undefined => {
			if (!given) return undefined; // "" is none, as with docker
			try {
				return parseTime(given, flag);
			} catch (error) {
				throw new EngineError("usage", (error as Error).message);
			}
		};
		// A negative or senseless number means all, as with docker.
		const tail = /^\d+$/.test(flags.tail) ? Number(flags.tail) : undefined;
		const options = {
			follow: flags.follow,
			tail,
			since: time(flags.since, "since"),
			until: time(flags.until, "until"),
		};
		await readLogs(await context.engine(), args[0] ?? "", options, ({ log, stream, time: at }) => {
			const line = flags.timestamps ? `${at} ${log}` : log;
			(stream === "stdout" ? print : drawOnError)(line);
		});
		return 0;
	},
};
