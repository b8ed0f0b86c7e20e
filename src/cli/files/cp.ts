/** `cp` */
import { copy, copyArchive, HOST, openSource, openTarget, openTree, type Tree } from "../../engine/files/copy.ts";
import { EngineError } from "../../errors.ts";
import { writeTree } from "../../image/layer/tree-archive.ts";
import type { Fd } from "../../sys/fd.ts";
import { fstat, isDirectory } from "../../sys/file.ts";
import { nodePath } from "../../sys/node.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command, Context } from "../command/command.ts";
import { archiveOf } from "../flags/archive-input.ts";
import { bool } from "../flags/flags.ts";
import { toArchive } from "../output/archive-output.ts";
import { complain, drawOnError } from "../output/output.ts";
import { humanSize } from "../output/units.ts";

const flags = {
	archive: bool("Archive mode (copy all uid/gid information)", "a"),
	"follow-link": bool("Always follow symbol link in SRC_PATH", "L"),
	quiet: bool(
		"Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
		"q",
	),
};

interface Flags {
	readonly archive: boolean;
	readonly "follow-link": boolean;
	readonly quiet: boolean;
}

export const cp: Command<typeof flags> = {
	name: "cp",
	usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
	summary: "Copy files/folders between a container and the local filesystem",
	aliases: ["container cp", "cp"],
	flags,
	args: { min: 2, max: 2 },
	run: (context, { flags, args: [from = "", to = ""] }) => {
		const [source, target] = [placeOf(from), placeOf(to)];
		if (from === "") return refused("source can not be empty");
		if (to === "") return refused("destination can not be empty");
		if (source.container !== undefined && target.container !== undefined) {
			return refused("copying between containers is not supported");
		}
		if (source.container !== undefined) return copyOut(context, source.container, source.path, target.path, flags);
		if (target.container !== undefined) return copyIn(context, source.path, target.container, target.path, flags);
		return refused("must specify at least one container source");
	},
};

/** "CONTAINER:PATH"; a path that begins with "/" or "." is the host's, whatever is in it. */
function placeOf(text: string): { container: string | undefined; path: string } {
	const colon = text.indexOf(":");
	if (colon <= 0 || text.startsWith("/") || text.startsWith(".")) return { container: undefined, path: text };
	return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

async function copyOut(context: Context, container: string, from: string, to: string, flags: Flags): Promise<number> {
	if (to === "-" && isTerminal(1)) {
		return refused("cowardly refusing to write to a terminal: redirect standard output");
	}
	using tree = openTree(await context.engine(), container);
	const source = openSource(tree, from, flags["follow-link"]);
	using place = source.place;
	if (to === "-") {
		toArchive(undefined, (sink) => writeTree(place.number, source.name ?? (source.isDirectory ? "." : ""), sink));
		return 0;
	}
	const target = onHost(() => openTarget(HOST, nodePath().isAbsolute(to) ? to : localPath(to), source));
	if (!target) return 1;
	using _directory = target.directory;
	told(flags, "from", to, (onProgress) => copy(source, target, { archive: flags.archive, onProgress }));
	return 0;
}

/** Absolute, with what it ends with kept: "dir/" and "dir/." say that it is a directory. */
const localPath = (path: string): string => `${process.cwd()}/${path}`;

async function copyIn(context: Context, from: string, container: string, to: string, flags: Flags): Promise<number> {
	const engine = await context.engine();
	if (from === "-") {
		using tree = openTree(engine, container);
		using directory = existingDirectory(tree, to);
		if (!directory) return refused(`destination "${container}:${to}" must be a directory`);
		await copyArchive(archiveOf(undefined), { directory, as: "" }, { archive: true });
		return 0;
	}
	const path = nodePath().isAbsolute(from) ? from : localPath(from);
	const source = onHost(() => openSource(HOST, path, flags["follow-link"]));
	if (!source) return 1;
	using _place = source.place;
	using tree = openTree(engine, container);
	const target = openTarget(tree, to, source);
	using _directory = target.directory;
	told(flags, "to", `${container}:${to}`, (onProgress) => copy(source, target, { archive: flags.archive, onProgress }));
	return 0;
}

/** undefined: it is no directory. */
function existingDirectory(tree: Tree, path: string): Fd | undefined {
	tree.checkWritable(path);
	const place = tree.tryOpen(path, true);
	if (!place) throw new EngineError("not-found", tree.missing(path));
	if (isDirectory(fstat(place.number).mode)) return place;
	place[Symbol.dispose]();
	return undefined;
}

/** What is wrong here is none of the engine's; undefined: it has been told. */
function onHost<T>(action: () => T): T | undefined {
	try {
		return action();
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		refused(error.message);
		return undefined;
	}
}

function refused(text: string): number {
	complain(`${text}\n`);
	return 1;
}

const REDRAW_MS = 100;

/** On a terminal: how far it is, and that it is done. */
function told(
	flags: Flags,
	which: "from" | "to",
	place: string,
	action: (onProgress: (bytes: number) => void) => number,
) {
	const isShown = !flags.quiet && isTerminal(2);
	let last = performance.now();
	const size = action((bytes) => {
		if (!isShown || performance.now() - last < REDRAW_MS) return;
		last = performance.now();
		drawOnError(`\r\x1b[KCopying ${which} container - ${humanSize(bytes)}`);
	});
	if (!isShown) return;
	drawOnError("\r\x1b[K");
	complain(`Successfully copied ${humanSize(size)} to ${place}\n`);
}
