/** What docker's `--filter` compares with, for all kinds of objects. */
import { EngineError } from "../errors.ts";

/** key → values: values of one key mean "or", keys mean "and"; several labels mean "and". */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** "key" or "key=value". */
export function labelMatches(labels: Readonly<Record<string, string>>, value: string): boolean {
	const equals = value.indexOf("=");
	if (equals < 0) return Object.hasOwn(labels, value);
	return labels[value.slice(0, equals)] === value.slice(equals + 1);
}

/** Letters that stand for themselves in a regular expression: what most filters are. */
const PLAIN = /^[\w/-]*$/;

/**
 * Whether one of the names matches: Go's regular expressions (RE2), in time that grows with the name, whatever the
 * expression is. Throws EngineError for one that cannot be read.
 */
export function nameMatches(names: readonly string[], pattern: string): boolean {
	if (PLAIN.test(pattern)) return names.some((name) => name.includes(pattern));
	const { RE2JS } = require("re2js") as typeof import("re2js");
	try {
		const compiled = RE2JS.compile(pattern);
		return names.some((name) => compiled.matcher(name).find());
	} catch {
		throw new EngineError("invalid", `invalid filter 'name=${pattern}': error parsing regexp`);
	}
}

/** The value, if it is one of those. */
export function oneOf(key: string, value: string, allowed: readonly string[]): string {
	if (allowed.includes(value)) return value;
	throw new EngineError("invalid", `invalid filter '${key}=${value}'`);
}

/** docker's words for a truth value. */
export const truth = (key: string, value: string): boolean =>
	["true", "1", "t", "T", "TRUE", "True"].includes(
		oneOf(key, value, ["true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False"]),
	);

export type Tests<T> = Readonly<Record<string, (object: T, value: string) => boolean>>;

/** Whether the object passes. Throws EngineError for a key that `tests` has not. */
export function passes<T>(object: T, filters: Filters, tests: Tests<T>): boolean {
	for (const [key, values] of filters) {
		const test = Object.hasOwn(tests, key) ? tests[key] : undefined;
		if (!test) throw new EngineError("invalid", `invalid filter '${key}'`);
		const ask = (value: string) => test(object, value);
		if (!(key === "label" || key === "label!" ? values.every(ask) : values.some(ask))) return false;
	}
	return true;
}

/** The same, for who has nothing to test: an unknown key is an error whatever there is. */
export function checkKeys(filters: Filters, known: readonly string[]): void {
	for (const key of filters.keys()) {
		if (!known.includes(key)) throw new EngineError("invalid", `invalid filter '${key}'`);
	}
}
