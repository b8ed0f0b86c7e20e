/** `inspect`, `container inspect`, `image inspect` */

import { inspectContainer } from "../../engine/container/inspect.ts";
import type { Engine } from "../../engine/engine.ts";
import { findImage } from "../../engine/image/find.ts";
import { inspectImage } from "../../engine/image/inspect.ts";
import { EngineError } from "../../errors.ts";
import { findContainer } from "../../store/containers.ts";
import type { Command } from "../command/command.ts";
import { text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { compileTemplate } from "../output/template.ts";
import { forTerminal } from "../output/terminal.ts";

type Kind = "container" | "image";

const flags = {
	format: text("Format output using a custom template: 'json' or 'TEMPLATE' (Go's text/template)", "f"),
	type: text("Only inspect objects of the given type"),
};
const ownFlags = { format: flags.format };

export const inspect: Command<typeof flags> = {
	name: "inspect",
	aliases: [],
	usage: "[OPTIONS] NAME|ID [NAME|ID...]",
	summary: "Return low-level information on NanoContainer objects",
	flags,
	notYet: ["size/s"],
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		if (flags.type !== undefined && flags.type !== "container" && flags.type !== "image") {
			complain(`unknown type: "${flags.type}": must be one of "container" or "image"\n`);
			return 1;
		}
		return inspectAll(await context.engine(), args, flags.type ? [flags.type] : ["container", "image"], flags.format);
	},
};

/** The same for one kind. */
export function inspectOnly(kind: Kind): Command<typeof ownFlags> {
	return {
		name: `${kind} inspect`,
		aliases: [],
		usage: `[OPTIONS] ${kind.toUpperCase()} [${kind.toUpperCase()}...]`,
		summary: `Display detailed information on one or more ${kind}s`,
		flags: ownFlags,
		notYet: kind === "container" ? ["size/s"] : ["platform"],
		args: { min: 1, max: Number.POSITIVE_INFINITY },
		run: async (context, { flags, args }) => inspectAll(await context.engine(), args, [kind], flags.format),
	};
}

function inspectAll(
	engine: Engine,
	names: readonly string[],
	kinds: readonly Kind[],
	format: string | undefined,
): number {
	const found: object[] = [];
	const errors: string[] = [];
	for (const name of names) {
		try {
			found.push(lookUp(engine, name, kinds));
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

function lookUp(engine: Engine, name: string, kinds: readonly Kind[]): object {
	for (const kind of kinds) {
		const object = kind === "container" ? containerOf(engine, name) : imageOf(engine, name);
		if (object) return object;
	}
	const what =
		kinds.length > 1
			? `Error: No such object: ${name}`
			: kinds[0] === "image"
				? imageMissing(name)
				: `Error response from daemon: No such container: ${name}`;
	throw new EngineError("not-found", what);
}

const imageMissing = (name: string): string =>
	`Error response from daemon: no such image: ${name}: No such image: ${name.includes(":") ? name : `${name}:latest`}`;

function containerOf(engine: Engine, name: string): object | undefined {
	try {
		return inspectContainer(engine, findContainer(engine.db, name));
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
