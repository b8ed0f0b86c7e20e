/** `debug`: a shell with tools beside the processes of a container that has none. docker has it in its desktop alone. */
import { EngineError } from "../../errors.ts";
import { EMBEDDED_REFERENCE, familiar } from "../../image/reference/reference.ts";
import { findContainer } from "../../store/containers.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { choice, readFlags } from "../flags/flags.ts";
import { complain } from "../output/output.ts";
import { run } from "./run.ts";

const flags = { image: choice("Image with the tools", familiar(EMBEDDED_REFERENCE)) };

export const debug: Command<typeof flags> = {
	name: "debug",
	usage: "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
	summary: "Get a shell with tools in the namespaces of a running container",
	aliases: ["debug"],
	flags,
	stopAtFirst: true,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags: { image }, args: [name = "", ...command] }) => {
		const { id, config, state } = findContainer((await context.engine()).db, name);
		if (state.status !== "running") throw new EngineError("not-running", `container ${id} is not running`);
		if (state.paused)
			throw new EngineError("conflict", `Container ${name} is paused, unpause the container before debug`);
		const isShared = ["shareable", "host"].includes(config.host.ipcMode);
		const words = [
			...["--rm", "--interactive", ...(isTerminal(0) && isTerminal(1) ? ["--tty"] : [])],
			...["--pid", `container:${id}`, "--network", `container:${id}`],
			...(config.host.ipcMode === "host" ? ["--ipc", "host"] : isShared ? ["--ipc", `container:${id}`] : []),
			// ptrace(2), and /proc/1/root, where the container's files are.
			...["--cap-add", "SYS_PTRACE", "--env", `DEBUG_ROOT=/proc/1/root`, image, ...(command.length ? command : ["sh"])],
		];
		if (isTerminal(2)) complain(`The files of ${name} are in /proc/1/root; its processes and its network are here.\n`);
		return run.run(context, readFlags(run.flags, words, { stopAtFirst: true, notYet: run.notYet ?? [] }));
	},
};
