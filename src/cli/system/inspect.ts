/** `inspect`, `container inspect`, `image inspect` */

import type { Engine } from "../../engine/engine.ts";
import { findImage } from "../../engine/image/find.ts";
import { inspectImage } from "../../engine/image/inspect.ts";
import { findNetwork } from "../../engine/network/find.ts";
import { inspectNetwork } from "../../engine/network/list.ts";
import { inspectContainer } from "../../engine/view/inspect.ts";
import { containerSizes } from "../../engine/view/sizes.ts";
import { inspectVolume } from "../../engine/volume/list.ts";
import { EngineError } from "../../errors.ts";
import { findContainer } from "../../store/containers.ts";
import { getVolume } from "../../store/volumes.ts";
import type { Command } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { compileTemplate } from "../output/template.ts";
import { forTerminal } from "../output/terminal.ts";

/** In the order in which a name is looked for. */
const KINDS = ["container", "image", "network", "volume"] as const;
type Kind = (typeof KINDS)[number];
const isKind = (text: string): text is Kind => (KINDS as readonly string[]).includes(text);

const flags = {
	format: text("Format output using a custom template: 'json' or 'TEMPLATE' (Go's text/template)", "f"),
	size: bool("Display total file sizes if the type is container", "s"),
	type: text("Only inspect objects of the given type"),
};
const ownFlags = { format: flags.format };
const containerFlags = { ...ownFlags, size: bool("Display total file sizes", "s") };

export const inspect: Command<typeof flags> = {
	name: "inspect",
	aliases: [],
	usage: "[OPTIONS] NAME|ID [NAME|ID...]",
	summary: "Return low-level information on NanoContainer objects",
	flags,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		if (flags.type !== undefined && !isKind(flags.type)) {
			complain(`unknown type: "${flags.type}": must be one of "${KINDS.join('", "')}"\n`);
			return 1;
		}
		return inspectAll(await context.engine(), args, flags.type ? [flags.type] : KINDS, flags);
	},
};

const ofKind = (kind: Kind) => ({
	name: `${kind} inspect`,
	aliases: [],
	usage: `[OPTIONS] ${kind.toUpperCase()} [${kind.toUpperCase()}...]`,
	summary: `Display detailed information on one or more ${kind}s`,
	notYet: NOT_YET[kind],
	args: { min: 1, max: Number.POSITIVE_INFINITY },
});

/** The same for one kind. */
export const inspectOnly = (kind: Exclude<Kind, "container">): Command<typeof ownFlags> => ({
	...ofKind(kind),
	flags: ownFlags,
	run: async (context, { flags, args }) => inspectAll(await context.engine(), args, [kind], flags),
});

export const inspectContainers = (): Command<typeof containerFlags> => ({
	...ofKind("container"),
	flags: containerFlags,
	run: async (context, { flags, args }) => inspectAll(await context.engine(), args, ["container"], flags),
});

const NOT_YET: Readonly<Record<Kind, readonly string[]>> = {
	container: [],
	image: ["platform"],
	network: ["verbose/v there are no services of a swarm to tell of"],
	volume: [],
};

function inspectAll(
	engine: Engine,
	names: readonly string[],
	kinds: readonly Kind[],
	{ format, size = false }: { readonly format: string | undefined; readonly size?: boolean },
): number {
	const found: object[] = [];
	const errors: string[] = [];
	for (const name of names) {
		try {
			found.push(lookUp(engine, name, kinds, size));
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			errors.push(error.message);
		}
	}
	if (!format || format === "json") {
		const shown = format === "json" ? JSON.stringify(found) : JSON.stringify(found, null, 4);
		print(`${forTerminal(1, shown)}\n`);
	} else {
		const render = compileTemplate(format);
		for (const object of found) {
			try {
				print(`${forTerminal(1, render(object))}\n`);
			} catch (error) {
				if (!(error instanceof EngineError)) throw error;
				print("\n");
				errors.push(error.message);
			}
		}
		if (found.length === 0) print("\n");
	}
	for (const message of errors) complain(`${message}\n`);
	return errors.length ? 1 : 0;
}

const LOOK_UP: Readonly<Record<Kind, (engine: Engine, name: string, size: boolean) => object | undefined>> = {
	container: containerOf,
	image: imageOf,
	network: networkOf,
	volume: volumeOf,
};

const MISSING: Readonly<Record<Kind, (name: string) => string>> = {
	container: (name) => `No such container: ${name}`,
	image: (name) => `no such image: ${name}: No such image: ${name.includes(":") ? name : `${name}:latest`}`,
	network: (name) => `network ${name} not found`,
	volume: (name) => `get ${name}: no such volume`,
};

function lookUp(engine: Engine, name: string, kinds: readonly Kind[], size: boolean): object {
	for (const kind of kinds) {
		const object = LOOK_UP[kind](engine, name, size);
		if (object) return object;
	}
	const [only, more] = kinds;
	const what =
		only === undefined || more !== undefined
			? `Error: No such object: ${name}`
			: `Error response from daemon: ${MISSING[only](name)}`;
	throw new EngineError("not-found", what);
}

function containerOf(engine: Engine, name: string, size: boolean): object | undefined {
	try {
		const container = findContainer(engine.db, name);
		const view = inspectContainer(engine, container);
		if (!size) return view;
		const { own, total } = containerSizes(engine, container);
		return { ...view, SizeRw: own, SizeRootFs: total };
	} catch (error) {
		if (error instanceof EngineError && error.code === "not-found") return undefined;
		throw error;
	}
}

function imageOf(engine: Engine, name: string): object | undefined {
	try {
		const image = findImage(engine, name);
		return image && inspectImage(engine, image);
	} catch (error) {
		if (error instanceof EngineError && (error.code === "usage" || error.code === "invalid")) return undefined; // no reference, so no image
		throw error;
	}
}

function volumeOf(engine: Engine, name: string): object | undefined {
	const volume = getVolume(engine.db, name);
	return volume && inspectVolume(engine, volume);
}

function networkOf(engine: Engine, name: string): object | undefined {
	try {
		return inspectNetwork(engine, findNetwork(engine, name));
	} catch (error) {
		if (error instanceof EngineError && error.code === "not-found") return undefined;
		throw error;
	}
}
