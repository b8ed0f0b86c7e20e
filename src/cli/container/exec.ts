/** `exec` */

import { exec as execInContainer } from "../../engine/container/exec.ts";
import { EngineError } from "../../errors.ts";
import { pidfdKill, pidfdOpen } from "../../sys/process.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { bool, list, listOf, text } from "../flags/flags.ts";
import { parseEnv, readEnvFiles } from "../flags/parse-env.ts";
import { complain, print } from "../output/output.ts";
import {
	attend,
	catchSignals,
	detachKeys,
	exitCodeOfSession,
	ownStreams,
	rawTerminal,
	terminalSize,
} from "../terminal/session.ts";
import { explain, explainFlag } from "./explain.ts";

const flags = {
	detach: bool("Detached mode: run command in the background", "d"),
	"detach-keys": text("Override the key sequence for detaching a container"),
	env: listOf("Set environment variables", "list", (given) => parseEnv(given), "e"),
	"env-file": list("Read in a file of environment variables"),
	explain: explainFlag(),
	interactive: bool("Keep STDIN open even if not attached", "i"),
	privileged: bool("Give extended privileges to the command"),
	tty: bool("Allocate a pseudo-TTY", "t"),
	user: text("Username or UID (format: <name|uid>[:<group|gid>])", "u"),
	workdir: text("Working directory inside the container", "w"),
};

export const exec: Command<typeof flags> = {
	name: "exec",
	usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
	summary: "Execute a command in a running container",
	flags,
	args: { min: 2, max: Number.POSITIVE_INFINITY },
	stopAtFirst: true,
	run: async (context, { flags, args }) => {
		const { tty } = flags;
		const stdin = flags.interactive && !flags.detach;
		if (stdin && tty && !isTerminal(0)) {
			complain("the input device is not a TTY\n");
			return 1;
		}
		const [name = "", ...command] = args;
		const keys = detachKeys(flags["detach-keys"], tty);
		const attached = ownStreams({ stdin, stdout: true, stderr: true }, { tty, keys, lease: false });
		const signals = catchSignals(!tty && !flags.detach, tty);
		using _raw = rawTerminal(tty && !flags.detach, stdin);
		try {
			const executed = await execInContainer(await context.quietEngine(), name, {
				command,
				env: [...readEnvFiles(flags["env-file"]), ...flags.env.flat()],
				user: flags.user,
				workingDir: flags.workdir,
				tty,
				stdin,
				privileged: flags.privileged,
				attachment: flags.detach ? undefined : attached,
				terminalSize: terminalSize(tty),
			});
			explain(flags.explain, executed.plan, executed);
			if (flags.detach) return 0;
			using pidfd = pidfdOpen(executed.pid);
			const end = await attend(executed.client, {
				tty,
				stdin,
				signals,
				forward: tty || !pidfd ? undefined : (signal) => pidfdKill(pidfd.number, signal),
			});
			return exitCodeOfSession(end);
		} catch (error) {
			return execFailed(error, flags.detach);
		}
	},
};

/** A program that cannot be executed is told on standard output, as docker does; of a detached one by the engine. */
function execFailed(error: unknown, detached: boolean): number {
	if (!(error instanceof EngineError)) throw error;
	if (/^unable to find (user|group)/i.test(error.message)) {
		print(`${error.message}\n`);
		return 126;
	}
	const code = error.code === "command-not-found" ? 127 : error.code === "command-not-executable" ? 126 : 0;
	if (code === 0 && !error.message.startsWith("chdir")) throw error;
	const text = `OCI runtime exec failed: exec failed: unable to start container process: ${error.message}: unknown`;
	if (detached) throw new EngineError("failed", text, { cause: error });
	print(`${text}\n`);
	return code || 126;
}
