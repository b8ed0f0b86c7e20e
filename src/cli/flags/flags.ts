/**
 * The one reader of flags, driven by tables, with the rules of Go's pflag, which docker's users' fingers know: `-it`,
 * `-eA=B`, `-e A=B`, `--env=A`, `--`, and, where a command follows, an end at the first argument. Pure.
 */

import { checkInt64 } from "./int64.ts";
import { asksForNothing, notYetText } from "./not-yet-flags.ts";

/** A mistake in the command line: docker's exit code 125, and its hint. */
export class FlagError extends Error {
	override readonly name = "FlagError";
}

/** `--help` (or `-h`, where that is no other flag) was read among the flags. */
export class HelpAsked extends Error {
	override readonly name = "HelpAsked";
}

interface Spec<T> {
	readonly short: string | undefined;
	readonly help: string;
	/** What --help calls the value: "list", "bytes"; empty for a switch. */
	readonly kind: string;
	readonly initial: T;
	/** The value after one more occurrence. Throws Error with pflag's reason. */
	readonly add: (before: T, text: string) => T;
	/** Shown by --help as (default …). */
	readonly shown?: string;
	/** Another name of a flag, which --help leaves out. */
	readonly hidden?: boolean;
}

export type Flags = Readonly<Record<string, Spec<never>>>;
// biome-ignore lint/suspicious/noExplicitAny: a table holds flags of all types; each keeps its own in Values
type AnySpec = Spec<any>;
export type FlagTable = Readonly<Record<string, AnySpec>>;
export type Values<F extends FlagTable> = { readonly [K in keyof F]: F[K] extends Spec<infer T> ? T : never };

function parseBool(text: string): boolean {
	if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
	if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
	throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** A switch. */
export const bool = (help: string, short?: string, initial = false): Spec<boolean> => ({
	short,
	help,
	kind: "",
	initial,
	add: (_, text) => parseBool(text),
	...(initial ? { shown: "true" } : {}),
});

/** A switch of docker's that can stand one way only, because here there is nothing to choose; `why` says so. */
export const fixed = (help: string, only: boolean, why: string): Spec<boolean> => ({
	...bool(help, undefined, only),
	add: (_, text) => {
		if (parseBool(text) !== only) throw new Error(why);
		return only;
	},
});

/** A value given at most once in effect: the last wins. */
export const text = (help: string, short?: string, kind = "string"): Spec<string | undefined> => ({
	short,
	help,
	kind,
	initial: undefined,
	add: (_, value) => value,
});

/** Another, older name of a flag. */
export const hidden = <T>(spec: Spec<T>): Spec<T> => ({ ...spec, hidden: true });

/** The same with a parser, which throws Error with the reason. */
export const value = <T>(
	help: string,
	kind: string,
	parse: (text: string) => T,
	short?: string,
): Spec<T | undefined> => ({
	short,
	help,
	kind,
	initial: undefined,
	add: (_, given) => parse(given),
});

/** A value that has a default. */
export const choice = (help: string, initial: string, short?: string): Spec<string> => ({
	short,
	help,
	kind: "string",
	initial,
	add: (_, given) => given,
	shown: JSON.stringify(initial),
});

/** May be repeated. */
export const list = (help: string, short?: string, kind = "list"): Spec<readonly string[]> => ({
	short,
	help,
	kind,
	initial: [],
	add: (before, given) => [...before, given],
});

/** May be repeated, each with a parser. */
export const listOf = <T>(
	help: string,
	kind: string,
	parse: (text: string) => T,
	short?: string,
): Spec<readonly T[]> => ({
	short,
	help,
	kind,
	initial: [],
	add: (before, given) => [...before, parse(given)],
});

export const integer = (help: string, short?: string): Spec<number | undefined> =>
	value(
		help,
		"int",
		(given) => {
			if (!/^[+-]?\d+$/.test(given)) {
				throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(given)}: invalid syntax`);
			}
			return checkInt64(given);
		},
		short,
	);

export interface Parsed<F extends FlagTable> {
	readonly flags: Values<F>;
	readonly args: readonly string[];
	/** Names of the flags that were given. */
	readonly given: ReadonlySet<string>;
}

export interface ReadOptions {
	/** Stop at the first argument: what follows belongs to another program. */
	readonly stopAtFirst: boolean;
	/**
	 * Flags of docker's that are not here yet: "publish/p", and behind a blank what can be done instead. "restart=no": with that
	 * value it asks for what is so anyway.
	 */
	readonly notYet: readonly string[];
}

export function readFlags<F extends FlagTable>(table: F, argv: readonly string[], options: ReadOptions): Parsed<F> {
	const values: Record<string, unknown> = {};
	for (const name in table) values[name] = table[name]?.initial;
	const args: string[] = [];
	const given = new Set<string>();

	const set = (name: string, spec: AnySpec, text: string): void => {
		try {
			values[name] = spec.add(values[name], text);
			given.add(name);
		} catch (error) {
			const shown = `${spec.short ? `-${spec.short}, ` : ""}--${name}`;
			throw new FlagError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${(error as Error).message}`);
		}
	};

	for (let i = 0; i < argv.length; i++) {
		const word = argv[i] ?? "";
		if (word === "--") {
			args.push(...argv.slice(i + 1));
			break;
		}
		if (!word.startsWith("-") || word === "-") {
			if (options.stopAtFirst) {
				args.push(...argv.slice(i));
				break;
			}
			args.push(word);
			continue;
		}
		if (word.startsWith("--")) i += longFlag(word.slice(2), argv[i + 1]);
		else i += shortFlags(word.slice(1), argv[i + 1]);
	}
	return { flags: values as Values<F>, args, given };

	/** Returns how many further words it took. */
	function longFlag(word: string, next: string | undefined): number {
		const equals = word.indexOf("=");
		const name = equals < 0 ? word : word.slice(0, equals);
		if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: --${word}`);
		const spec = Object.hasOwn(table, name) ? table[name] : undefined;
		if (!spec && name === "help") throw new HelpAsked();
		if (!spec) {
			if (!asksForNothing(options.notYet, name, equals >= 0 ? word.slice(equals + 1) : next)) throw unknown(name);
			return equals >= 0 ? 0 : 1;
		}
		if (equals >= 0) set(name, spec, word.slice(equals + 1));
		else if (spec.kind === "") set(name, spec, "true");
		else {
			if (next === undefined) throw new FlagError(`flag needs an argument: --${name}`);
			set(name, spec, next);
			return 1;
		}
		return 0;
	}

	function longName(letter: string): string | undefined {
		for (const name in table) if (table[name]?.short === letter) return name;
		return undefined;
	}

	/** "it", "eA=B", "e" and the next word. */
	function shortFlags(letters: string, next: string | undefined): number {
		for (let k = 0; k < letters.length; k++) {
			const letter = letters[k] ?? "";
			const name = longName(letter);
			const spec = name === undefined ? undefined : table[name];
			if (name === undefined || !spec) {
				const hidden = options.notYet.find((entry) => entry.split(" ")[0]?.endsWith(`/${letter}`));
				if (hidden) throw unknown(/^[^/]*/.exec(hidden)?.[0] ?? "");
				if (letter === "h") throw new HelpAsked();
				throw new FlagError(`unknown shorthand flag: '${letter}' in -${letters.slice(k)}`);
			}
			const rest = letters.slice(k + 1);
			if (rest.startsWith("=")) {
				set(name, spec, rest.slice(1));
				return 0;
			}
			if (spec.kind === "") {
				set(name, spec, "true");
				continue;
			}
			if (rest !== "") {
				set(name, spec, rest);
				return 0;
			}
			if (next === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${letters.slice(k)}`);
			set(name, spec, next);
			return 1;
		}
		return 0;
	}

	function unknown(name: string): FlagError {
		return new FlagError(notYetText(options.notYet, name) ?? `unknown flag: --${name}`);
	}
}
