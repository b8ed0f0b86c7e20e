/** `start` */

import { start as startContainer } from "../../engine/container/start.ts";
import type { Engine } from "../../engine/engine.ts";
import { EngineError } from "../../errors.ts";
import { findContainer } from "../../store/containers.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { type Command, forEachName } from "../command/command.ts";
import { bool, readFlags, text } from "../flags/flags.ts";
import { complain } from "../output/output.ts";
import { catchSignals, detachKeys, ownStreams, rawTerminal, terminalSize } from "../terminal/session.ts";
import { attach } from "./attach.ts";
import { finishAttached } from "./run.ts";

const flags = {
	attach: bool("Attach STDOUT/STDERR and forward signals", "a"),
	"detach-keys": text("Override the key sequence for detaching a container"),
	interactive: bool("Attach container's STDIN", "i"),
};

export const start: Command<typeof flags> = {
	name: "start",
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	summary: "Start one or more stopped containers",
	flags,
	notYet: ["checkpoint processes are not kept over their end", "checkpoint-dir processes are not kept over their end"],
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		const attached = flags.attach || flags.interactive;
		if (attached && args.length > 1) {
			complain("you cannot start and attach multiple containers at once\n");
			return 1;
		}
		if (attached) return startAttached();
		const failed = new Set(args);
		const code = await forEachName(args, (name) => {
			const container = findContainer(engine.db, name);
			if (container.state.paused) {
				throw new EngineError("conflict", "cannot start a paused container, try unpause instead");
			}
			if (container.state.status !== "running") startUnlessRunning(engine, container.id);
			failed.delete(name);
			return name;
		});
		if (code !== 0) complain(`Error: failed to start containers: ${[...failed].join(", ")}\n`);
		return code;

		async function startAttached(): Promise<number> {
			const container = findContainer(engine.db, args[0] ?? "");
			const { tty, openStdin } = container.config;
			if (container.state.status === "running") {
				return attach.run(context, readFlags(attach.flags, args, { stopAtFirst: false, notYet: [] }));
			}
			const stdin = flags.interactive && openStdin;
			if (stdin && tty && !isTerminal(0)) {
				complain("the input device is not a TTY\n");
				return 1;
			}
			const keys = detachKeys(flags["detach-keys"], tty);
			const attachment = ownStreams({ stdin, stdout: true, stderr: true }, { tty, keys, lease: true });
			const signals = catchSignals(!tty, tty);
			using _raw = rawTerminal(tty, stdin);
			const started = startContainer(engine, container.id, { attachment, terminalSize: terminalSize(tty) });
			return await finishAttached(engine, started, { tty, stdin, signals, proxied: !tty });
		}
	},
};

/** Another command may have been faster: what was wanted is there. */
function startUnlessRunning(engine: Engine, id: string): void {
	try {
		const { warnings } = startContainer(engine, id, {
			attachment: undefined,
			terminalSize: { rows: 0, columns: 0 },
		});
		for (const warning of warnings) complain(`WARNING: ${warning}\n`);
	} catch (error) {
		if (!(error instanceof EngineError) || !error.message.endsWith("is already running")) throw error;
	}
}
