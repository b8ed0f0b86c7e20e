/** `run`: create, start, and stay attached unless -d. */

import { create } from "../../engine/container/create.ts";
import { type Started, start } from "../../engine/container/start.ts";
import type { Engine } from "../../engine/engine.ts";
import { reap } from "../../engine/settle/reap.ts";
import { EngineError, messageOf } from "../../errors.ts";
import type { Container } from "../../store/container-record.ts";
import { damaged, isDamage } from "../../store/database-fault.ts";
import type { SyscallError } from "../../sys/errno.ts";
import type { Fd } from "../../sys/fd.ts";
import { AT_FDCWD, O_CREAT, O_EXCL, O_WRONLY, openat2, writeAll } from "../../sys/file.ts";
import { unlinkSync } from "../../sys/fs.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { utf8 } from "../../sys/text.ts";
import type { Command, Context } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { imageFor } from "../image/image-for.ts";
import { complain, print } from "../output/output.ts";
import {
	attend,
	catchSignals,
	detachKeys,
	exitCodeOfSession,
	ownStreams,
	rawTerminal,
	type SessionOptions,
	terminalSize,
} from "../terminal/session.ts";
import { explain } from "./explain.ts";
import { CONTAINER_FLAGS, type ContainerFlags, createOptions } from "./flags.ts";
import { CONTAINER_NOT_YET } from "./not-yet.ts";

const flags = {
	...CONTAINER_FLAGS,
	detach: bool("Run container in background and print container ID", "d"),
	"detach-keys": text("Override the key sequence for detaching a container"),
	"sig-proxy": bool("Proxy received signals to the process", undefined, true),
};

export const run: Command<typeof flags> = {
	name: "run",
	usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	summary: "Create and run a new container from an image",
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	stopAtFirst: true,
	notYet: CONTAINER_NOT_YET,
	run: async (context, { flags, args }) => {
		if (flags.detach && flags.attach.length) {
			complain("conflicting options: cannot specify both --attach and --detach\n");
			return 1;
		}
		if (flags.interactive && flags.tty && !flags.detach && !isTerminal(0)) {
			complain("the input device is not a TTY\n");
			return 1;
		}
		try {
			return await runContainer(context, flags, args);
		} catch (error) {
			return runFailed(context, error);
		}
	},
};

/** docker's exit codes for a container that did not come to run. */
export function runFailed(context: Context, failure: unknown, command = "run"): number {
	const error = asEngineError(failure, context.databasePath);
	const usage = error.code === "usage" || error.code === "not-root";
	// Who is not root is told by whom they called; the rest scripts know by docker's name.
	const prefix = error.code === "not-root" ? context.program : "docker";
	const message = `${prefix}: ${usage ? "" : "Error response from daemon: "}${error.message}`;
	complain(`${message}\n\nRun '${context.program} ${command} --help' for more information\n`);
	if (usage) return 125;
	// docker's rule looks at the text, whatever the reason.
	if (/executable file not found|no such file or directory/.test(error.message)) return 127;
	if (error.code === "command-not-executable" || /permission denied|is a directory/.test(error.message)) return 126;
	return 125;
}

/** A disk that is full, a database that is damaged: the machine's failures too are told as the engine's. Throws a bug. */
function asEngineError(error: unknown, database: string): EngineError {
	if (error instanceof EngineError) return error;
	if (isDamage(error)) return damaged(database, error);
	if (error instanceof Error && typeof (error as { errno?: unknown }).errno === "number") {
		return new EngineError("failed", error.message, { cause: error });
	}
	throw error;
}

type RunFlags = ContainerFlags & { detach: boolean; "detach-keys": string | undefined; "sig-proxy": boolean };

async function runContainer(context: Context, flags: RunFlags, args: readonly string[]): Promise<number> {
	const options = createOptions(flags, args, flags.detach);
	const engine = await context.engine();
	const cidfile = flags.cidfile === undefined ? undefined : openCidFile(flags.cidfile);
	let container: Container;
	try {
		const image = await imageFor(engine, context, options.image, flags);
		const created = create(engine, image, options);
		for (const warning of created.warnings) complain(`WARNING: ${warning}\n`);
		container = created.container;
		cidfile?.write(container.id);
	} catch (error) {
		cidfile?.discard();
		throw error;
	}
	if (flags.detach) print(`${container.id}\n`);
	const { tty } = container.config;
	const streams = container.config.attach;
	const keys = detachKeys(flags["detach-keys"], tty);
	const proxied = flags["sig-proxy"] && !flags.detach;
	const signals = catchSignals(proxied, tty);
	const stdin = container.config.openStdin && streams.includes("stdin");
	using _raw = rawTerminal(tty && !flags.detach, stdin);
	let started: Started;
	try {
		started = start(engine, container.id, {
			attachment: flags.detach
				? undefined
				: ownStreams(
						{
							stdin,
							stdout: streams.includes("stdout"),
							stderr: streams.includes("stderr"),
						},
						// A command that is stopped must not keep its container from going on.
						{ tty, keys, lease: container.config.host.restartPolicy.name === "no" },
					),
			terminalSize: terminalSize(tty),
			known: container,
		});
	} catch (error) {
		if (flags.rm) {
			const { remove } = await import("../../engine/container/remove.ts");
			await remove(engine, container.id, { force: true, volumes: true });
		}
		throw error;
	}
	for (const warning of started.warnings) complain(`WARNING: ${warning}\n`);
	explain(flags.explain, started.plan, started);
	if (flags.detach) return 0;
	return await finishAttached(engine, started, {
		tty,
		stdin,
		signals,
		proxied,
	});
}

/** Attends an attached container that this command started, and tidies up after it. */
export async function finishAttached(
	engine: Engine,
	started: Started,
	options: Omit<SessionOptions, "forward"> & { readonly proxied: boolean },
): Promise<number> {
	const { id } = started.container;
	engine.letOthersIn();
	const end = await attend(started.client, {
		...options,
		forward: options.proxied ? (signal) => forward(engine, id, signal) : undefined,
	});
	if (end.kind === "exited" || end.kind === "lost") {
		started.client.reaped({ isFinal: !reap(engine, id, started.container) });
	}
	return exitCodeOfSession(end);
}

function forward(engine: Engine, id: string, signal: number): void {
	const { kill } = require("../../engine/container/stop.ts") as typeof import("../../engine/container/stop.ts");
	try {
		kill(engine, id, String(signal));
	} catch (error) {
		if (!(error instanceof EngineError)) throw error; // it ended at this moment
	}
}

/** --cidfile: must not exist; stays only if there is a container. */
export function openCidFile(path: string) {
	let file: Fd;
	try {
		file = openat2(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0o644);
	} catch (error) {
		const exists = (error as SyscallError).code === "EEXIST";
		throw new EngineError(
			"usage",
			exists
				? `container ID file found, make sure the other container isn't running or delete ${path}`
				: `failed to create the container ID file: ${messageOf(error)}`,
		);
	}
	return {
		write(id: string) {
			writeAll(file.number, utf8(id), path);
			file[Symbol.dispose]();
		},
		discard() {
			file[Symbol.dispose]();
			unlinkSync(path);
		},
	};
}
