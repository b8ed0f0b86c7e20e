/** `build --debug-shell`: a shell where a step has failed, with what the step had: files, environment, mounts, network. */
import type { BuildHost } from "../../build/session/host.ts";
import { runStep } from "../../engine/build/run-step.ts";
import type { Engine } from "../../engine/engine.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { complain } from "../output/output.ts";
import { attend, catchSignals, ownStreams, rawTerminal, terminalSize } from "../terminal/session.ts";
import type { ShownProgress } from "./progress.ts";

export function debugShell(engine: Engine, progress: ShownProgress): NonNullable<BuildHost["debug"]> {
	return async (step, failure) => {
		progress.close();
		const [shell] = step.args;
		complain(`ERROR: ${failure.message}\n${shell} in the file system of the failed step; "exit" ends the build.\n`);
		const tty = isTerminal(0) && isTerminal(1);
		const attachment = ownStreams(
			{ stdin: true, stdout: true, stderr: true },
			{ tty, keys: new Uint8Array(), lease: false },
		);
		using _raw = rawTerminal(tty, true);
		await runStep(engine, step, {
			tty,
			attachment,
			terminalSize: terminalSize(tty),
			attend: async (client) => {
				const end = await attend(client, { tty, stdin: true, signals: catchSignals(tty, tty), forward: undefined });
				return end.kind === "exited" ? end.code : 1;
			},
		});
	};
}
