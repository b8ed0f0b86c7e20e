/** Flags before the command: where the state lies, and how much to say. */

import type { EngineOptions } from "../../engine/engine.ts";
import { DEFAULT_ROOT, DEFAULT_RUN } from "../../paths.ts";
import { nodeOs, nodePath } from "../../sys/node.ts";
import { bool, FlagError, readFlags, text } from "../flags/flags.ts";

export const GLOBAL_FLAGS = {
	root: text("Directory of images, containers and volumes (default /var/lib/nanocontainer)"),
	run: text("Directory of what lives until the next boot (default /run/nanocontainer)"),
	config: text("Directory of the client's config.json (default ~/.docker)"),
	context: text('Name of the engine: "default", which is this program', "c"),
	debug: bool("Say what is done, and show stack traces", "D"),
	version: bool("Print version information and quit", "v"),
	help: bool("Print usage"),
};

export interface GlobalOptions {
	readonly root: string;
	readonly run: string;
	/** Of docker's client configuration: credentials. */
	readonly configDir: string;
	readonly debug: boolean;
	readonly version: boolean;
	readonly help: boolean;
}

const NO_DAEMON = "there is no daemon to be reached, this program is the engine";

/** docker's ways to name another engine. Its variables are for what is called by its name. */
function checkEngine(context: string | undefined, { DOCKER_HOST, DOCKER_CONTEXT }: NodeJS.ProcessEnv): void {
	const other = context ?? (isCalledDocker() ? DOCKER_CONTEXT : undefined);
	if (other && other !== "default") {
		throw new FlagError(
			`context ${JSON.stringify(other)} not found: there is one engine, this program, and its context is "default"`,
		);
	}
	if (DOCKER_HOST && isCalledDocker()) throw new FlagError(`DOCKER_HOST is set (${DOCKER_HOST}): ${NO_DAEMON}`);
}

const isCalledDocker = (): boolean => programName(process.argv0) === "docker";

/** Splits the command line: global flags, and the rest from the command's name on. */
export function readGlobal(argv: readonly string[]): { options: GlobalOptions; rest: readonly string[] } {
	const { flags, args, given } = readFlags(GLOBAL_FLAGS, argv, {
		stopAtFirst: true,
		notYet: [
			`host/H ${NO_DAEMON}`,
			...["tls", "tlscacert", "tlscert", "tlskey", "tlsverify"].map((name) => `${name} ${NO_DAEMON}`),
			"log-level/l say --debug",
		],
	});
	checkEngine(flags.context, process.env);
	const root = absolute(flags.root ?? (process.env["NANOCONTAINER_ROOT"] || DEFAULT_ROOT));
	// Another root has another run directory, unless told: two stores must not meet in one.
	const beside =
		given.has("root") || process.env["NANOCONTAINER_ROOT"] ? `${DEFAULT_RUN}${root.replaceAll("/", "-")}` : DEFAULT_RUN;
	return {
		options: {
			root,
			run: absolute(flags.run ?? (process.env["NANOCONTAINER_RUN"] || beside)),
			configDir: flags.config ?? process.env["DOCKER_CONFIG"] ?? `${home()}/.docker`,
			debug: flags.debug,
			version: flags.version,
			help: flags.help,
		},
		rest: args,
	};
}

/** As node:path's resolve(). */
const absolute = (path: string): string => (isPlain(path) ? path : nodePath().resolve(path));

/** Absolute, and surely without anything to resolve. */
const isPlain = (path: string): boolean =>
	path.startsWith("/") && !path.includes("//") && !path.includes("/.") && !path.endsWith("/");

/** A machine may have neither HOME nor a list of users. */
function home(): string {
	try {
		return process.env["HOME"] ?? nodeOs().homedir();
	} catch {
		return "/root";
	}
}

/** "docker" if this program was called by that name. */
export function programName(argv0: string): string {
	return argv0 === "docker" || argv0.endsWith("/docker") ? "docker" : "NanoContainer";
}

/** What opens the engine. The monitor starts the reaper with the same: this executable and its global flags. */
export const engineOptions = (root: string, run: string): EngineOptions => ({
	root,
	run,
	self: [process.execPath, "--root", root, "--run", run],
});
