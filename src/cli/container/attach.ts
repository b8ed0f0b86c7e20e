/** `attach` */

import { kill } from "../../engine/container/stop.ts";
import { reap } from "../../engine/settle/reap.ts";
import { EngineError } from "../../errors.ts";
import { MonitorClient } from "../../runtime/monitor.ts";
import { findContainer } from "../../store/containers.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { complain } from "../output/output.ts";
import { attend, catchSignals, detachKeys, exitCodeOfSession, ownStreams, rawTerminal } from "../terminal/session.ts";

const flags = {
	"detach-keys": text("Override the key sequence for detaching a container"),
	"no-stdin": bool("Do not attach STDIN"),
	"sig-proxy": bool("Proxy all received signals to the process", undefined, true),
};

export const attach: Command<typeof flags> = {
	name: "attach",
	usage: "[OPTIONS] CONTAINER",
	summary: "Attach local standard input, output, and error streams to a running container",
	flags,
	args: { min: 1, max: 1 },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		const container = findContainer(engine.db, args[0] ?? "");
		if (container.state.status !== "running") {
			complain("You cannot attach to a stopped container, start it first\n");
			return 1;
		}
		if (container.state.paused) {
			complain("You cannot attach to a paused container, unpause it first\n");
			return 1;
		}
		const { tty, openStdin } = container.config;
		const stdin = openStdin && !flags["no-stdin"];
		if (stdin && tty && !isTerminal(0)) {
			complain("the input device is not a TTY\n");
			return 1;
		}
		using client = MonitorClient.connect(engine.paths.live(container.id));
		if (!client)
			throw new EngineError("failed", `the monitor of container ${container.name} is gone: nobody holds its streams`);
		const keys = detachKeys(flags["detach-keys"], tty);
		using _raw = rawTerminal(tty, stdin);
		client.attach(ownStreams({ stdin, stdout: true, stderr: true }, { tty, keys, lease: false }));
		const forward = (signal: number) => {
			try {
				kill(engine, container.id, String(signal));
			} catch (error) {
				if (!(error instanceof EngineError)) throw error;
			}
		};
		const proxied = flags["sig-proxy"] && !tty;
		const signals = catchSignals(proxied, tty);
		engine.letOthersIn();
		const end = await attend(client, { tty, stdin, signals, forward: proxied ? forward : undefined });
		if (end.kind === "exited") reap(engine, container.id);
		if (end.kind === "detached") complain("read escape sequence\n");
		return exitCodeOfSession(end);
	},
};
