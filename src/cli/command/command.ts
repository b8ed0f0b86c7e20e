/** What a command is, and how one is run: its arguments checked, its mistakes told as docker tells them. */

import { defineCommand } from "citty";
import type { Engine } from "../../engine/engine.ts";
import { EngineError } from "../../errors.ts";
import { FlagError, type FlagTable, HelpAsked, type Parsed, readFlags } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import type { GlobalOptions } from "./global.ts";
import { type Documented, renderHelp } from "./help.ts";

/** What a command gets besides its own flags and arguments. */
export interface Context {
	readonly global: GlobalOptions;
	/** The name this program was called by: "NanoContainer" or "docker". */
	readonly program: string;
	/** For what is said of it where it is damaged. */
	readonly databasePath: string;
	/** Opens the engine; only commands that need it do. */
	readonly engine: () => Promise<Engine>;
	/** The same, without a look at the records and at what was left behind. */
	readonly quietEngine: () => Promise<Engine>;
}

export interface Command<F extends FlagTable> extends Documented<F> {
	readonly args: { readonly min: number; readonly max: number };
	/** How many arguments more a flag asks for. */
	readonly moreArgs?: (flags: Parsed<F>["flags"]) => number;
	readonly stopAtFirst?: boolean;
	/** docker's flags that are missing here: "publish/p". */
	readonly notYet?: readonly string[];
	/** Returns the exit code. */
	readonly run: (context: Context, parsed: Parsed<F>) => Promise<number> | number;
}

/** Exit code for what docker calls a usage error. */
const USAGE = 125;

export async function runCommand<F extends FlagTable>(
	command: Command<F>,
	context: Context,
	argv: readonly string[],
): Promise<number> {
	const usage = `${context.program} ${command.name}`;
	let parsed: Parsed<F>;
	try {
		parsed = readFlags(command.flags, argv, {
			stopAtFirst: command.stopAtFirst ?? false,
			notYet: command.notYet ?? [],
		});
	} catch (error) {
		if (error instanceof HelpAsked) {
			print(renderHelp(command, context.program));
			return 0;
		}
		if (!(error instanceof FlagError)) throw error;
		complain(`${error.message}\n\nUsage:  ${usage} ${command.usage}\n\nRun '${usage} --help' for more information\n`);
		return USAGE;
	}
	const wrong = countError(command, parsed.args.length - (command.moreArgs?.(parsed.flags) ?? 0));
	if (wrong) {
		complain(
			`${context.program}: '${usage}' ${wrong}\n\nUsage:  ${usage} ${command.usage}\n\nRun '${usage} --help' for more information\n`,
		);
		return 1;
	}
	return command.run(context, parsed);
}

function countError<F extends FlagTable>({ args: { min, max } }: Command<F>, count: number): string | undefined {
	const s = (n: number) => (n === 1 ? "" : "s");
	if (count >= min && count <= max) return undefined;
	if (max === 0) return "accepts no arguments";
	if (min === max) return `requires ${min} argument${s(min)}`;
	if (count < min) return `requires at least ${min} argument${s(min)}`;
	return `requires at most ${max} argument${s(max)}`;
}

/** The same command for citty's tree, which finds commands and loads them lazily, but reads no flags. */
export function leaf<F extends FlagTable>(command: Command<F>, path = command.name) {
	return defineCommand({
		meta: { name: command.name, description: command.summary },
		run: async ({ rawArgs, data }) => {
			const session = data as { context: Context; exitCode: number };
			session.exitCode = await runCommand({ ...command, name: path }, session.context, rawArgs);
		},
	});
}

/** Does one thing for each name: successes on stdout, errors on stderr, exit code 1 if any failed. */
export async function forEachName(
	names: readonly string[],
	action: (name: string) => Promise<string | undefined> | string | undefined,
): Promise<number> {
	let failed = 0;
	for (const name of names) {
		try {
			const line = await action(name);
			if (line !== undefined) print(`${line}\n`);
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			complain(`Error response from daemon: ${error.message}\n`);
			failed = 1;
		}
	}
	return failed;
}
