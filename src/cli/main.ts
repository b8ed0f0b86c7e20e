/**
 * The program: global flags, the command, its exit code. The only place where thrown errors become exit codes, and the
 * only one that ends the process.
 */

import { openSettled } from "../engine/container/open-settled.ts";
import { Engine } from "../engine/engine.ts";
import { EngineError, messageOf } from "../errors.ts";
import { enableDebug } from "../log.ts";
import { paths } from "../paths.ts";
import { damaged, isDamage } from "../store/database-fault.ts";
import { exitNow } from "../sys/process.ts";
import { bootWords, isInit, stayAlive } from "./boot/first-process.ts";
import type { Context } from "./command/command.ts";
import { engineOptions, type GlobalOptions, programName, readGlobal } from "./command/global.ts";
import { renderGroupHelp } from "./command/help.ts";
import { FlagError } from "./flags/flags.ts";
import { complain, print } from "./output/output.ts";
import { groupOf, hasMember, helpSections, isVerb, memberRows, tree } from "./tree.ts";

const USAGE = 125;

export async function main(argv: readonly string[]): Promise<never> {
	const program = programName(process.argv0);
	const begun = process.env["NANOCONTAINER_MONITOR"];
	const first = isInit();
	if (first) stayAlive();
	let exitCode: number;
	try {
		exitCode = await dispatch(program, first ? bootWords(argv) : argv);
	} catch (error) {
		exitCode = report(program, error, argv);
	}
	if (first) await new Promise(() => {}); // the kernel would panic
	if (begun) dismissMonitor();
	// A build that records its profile (build.ts) writes it when Bun ends the process in its own way.
	if (process.env["BUN_BYTECODE_ORDER_OUT"]) process.exit(exitCode);
	exitNow(exitCode);
}

/** Of a command that has failed before it needed its monitor. */
function dismissMonitor(): void {
	const monitors = require("../runtime/monitor-process.ts") as typeof import("../runtime/monitor-process.ts");
	monitors.dismissMonitor();
}

/** Who says it: docker's client its own mistakes, the engine the rest. */
function prefixOf(program: string, { code }: EngineError): string {
	if (code === "usage") return "";
	return code === "not-root" || code === "unsupported" ? `${program}: ` : "Error response from daemon: ";
}

/** Whatever else is wrong with the command line. */
function databaseOf(argv: readonly string[]): string {
	const { root, run } = readGlobal(argv).options;
	return paths(root, run).database;
}

function report(program: string, error: unknown, argv: readonly string[]): number {
	const debug = argv.includes("--debug");
	if (error instanceof FlagError) {
		complain(`${error.message}\n\nRun '${program} --help' for more information\n`);
		return USAGE;
	}
	if (error instanceof EngineError) {
		complain(`${prefixOf(program, error)}${error.message}\n`);
	} else if (isDamage(error)) {
		complain(`${program}: ${damaged(databaseOf(argv), error).message}\n`);
	} else {
		// Not a failure that was foreseen: a bug, or the machine's. One sentence; the stack is for --debug.
		complain(`${program}: ${messageOf(error)}\n`);
	}
	if (debug && error instanceof Error) {
		complain(`${error.stack}\n${error.cause ? `caused by: ${Bun.inspect(error.cause)}\n` : ""}`);
	}
	return 1;
}

async function dispatch(program: string, argv: readonly string[]): Promise<number> {
	const { options, rest } = readGlobal(argv);
	if (options.debug) enableDebug();
	const [name, member] = rest;
	if (options.version) {
		const { versionLine } = await import("./system/version.ts");
		print(`${versionLine(program)}\n`);
		return 0;
	}
	if (name === "help" || (options.help && name !== undefined)) {
		return helpOf(program, options, name === "help" ? rest.slice(1) : rest);
	}
	if (name === undefined) return showHelp(program);
	const group = groupOf(name);
	if (!group && !isVerb(name)) return refuseCommand(program, name);
	if (group && (member === undefined || !hasMember(group, member))) {
		const { notYet } = await import("./not-yet.ts");
		if (member !== undefined && notYet(name, member)) return refuseCommand(program, name, member);
		return showGroup(program, name, member);
	}
	const session = { context: contextOf(program, options), exitCode: 0 };
	await runLeaf(rest, session);
	return session.exitCode;
}

/** docker's that are not here yet are told apart from those that nobody has. */
async function refuseCommand(program: string, name: string, member?: string): Promise<number> {
	const { notYet } = await import("./not-yet.ts");
	const why = notYet(name, member) ?? `unknown command: ${program} ${name}`;
	complain(`${program}: ${why}\n\nRun '${program} --help' for more information\n`);
	return 1;
}

/** `help ps`, `--help ps`: the same as `ps --help`. */
function helpOf(program: string, options: GlobalOptions, topic: readonly string[]): Promise<number> | number {
	const [name, member] = topic;
	if (name === undefined) return showHelp(program);
	const group = groupOf(name);
	if (!group && !isVerb(name)) {
		complain(`unknown help topic: ${topic.join(" ")}\n`);
		return 1;
	}
	if (group && (member === undefined || !hasMember(group, member))) return showGroup(program, name, "--help");
	const session = { context: contextOf(program, options), exitCode: 0 };
	return runLeaf([...topic.slice(0, group ? 2 : 1), "--help"], session).then(() => session.exitCode);
}

/** citty finds the command in the tree and loads its module. */
async function runLeaf(rest: readonly string[], session: { context: Context; exitCode: number }): Promise<void> {
	const [name = "", member = ""] = rest;
	const { subCommands } = tree;
	const resolve = async (value: unknown) => (typeof value === "function" ? await value() : await value);
	let command = await resolve((subCommands as Record<string, unknown>)[name]);
	let used = 1;
	if (command.subCommands) {
		command = await resolve((await resolve(command.subCommands))[member]);
		used = 2;
	}
	await command.run({ rawArgs: rest.slice(used), args: { _: [] }, cmd: command, data: session });
}

function showHelp(program: string): number {
	print(
		renderGroupHelp(
			"A container engine in one file: no daemon, no tools, no libc",
			`${program} [OPTIONS] COMMAND`,
			helpSections(),
			[
				"Global Options:",
				"      --config string   Directory of the client's config.json (default ~/.docker)",
				"  -D, --debug           Say what is done, and show stack traces",
				"      --root string     Directory of images, containers and volumes (default /var/lib/nanocontainer)",
				"      --run string      Directory of what lives until the next boot (default /run/nanocontainer)",
				"  -v, --version         Print version information and quit",
				"",
				`Run '${program} COMMAND --help' for more information on a command.`,
			],
		),
	);
	return 0;
}

function showGroup(program: string, name: string, member: string | undefined): number {
	const group = groupOf(name);
	if (!group) return 1;
	const asked = member === "--help" || member === "-h";
	if (member?.startsWith("-") && !asked) {
		complain(
			`unknown flag: ${member}\n\nUsage:  ${program} ${name} COMMAND\n\nRun '${program} ${name} --help' for more information\n`,
		);
		return USAGE;
	}
	if (member !== undefined && !asked) {
		complain(
			`${program}: unknown command: ${program} ${name} ${member}\n\nUsage:  ${program} ${name} COMMAND\n\nRun '${program} ${name} --help' for more information\n`,
		);
		return 1;
	}
	const help = renderGroupHelp(
		group.summary,
		`${program} ${name} COMMAND`,
		[["Commands", memberRows(group)]],
		[`Run '${program} ${name} COMMAND --help' for more information on a command.`],
	);
	(asked ? print : complain)(help);
	return 0;
}

function contextOf(program: string, global: GlobalOptions): Context {
	let engine: Promise<Engine> | undefined;
	return {
		global,
		program,
		databasePath: paths(global.root, global.run).database,
		engine: () => {
			engine ??= openSettled(engineOptions(global.root, global.run));
			return engine;
		},
		quietEngine: () => Engine.open(engineOptions(global.root, global.run)),
	};
}
