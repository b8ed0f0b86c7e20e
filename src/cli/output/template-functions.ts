/** What templates can call: Go's own functions and docker's, on values as they come out of JSON. Pure. */
import { EngineError } from "../../errors.ts";

export const failed = (why: string): EngineError =>
	new EngineError("usage", `template parsing error: template: :1:2: ${why}`);

export function isTrue(value: unknown): boolean {
	if (Array.isArray(value)) return value.length > 0;
	if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
	return Boolean(value);
}

/** As Go's fmt prints what came out of JSON. */
export function show(value: unknown): string {
	if (value === null) return "[]"; // docker's absent values are lists, nearly all
	if (value === undefined) return "<no value>";
	if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
	if (typeof value === "function") return show(value());
	if (typeof value === "object") {
		const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
		return `map[${entries.map(([key, item]) => `${key}:${show(item)}`).join(" ")}]`;
	}
	return String(value);
}

/** JSON as Go writes it: no spaces, and <, > and & escaped. */
export function goJson(value: unknown): string {
	return (JSON.stringify(value) ?? "null").replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

const lengthOf = (value: unknown): number =>
	typeof value === "string" || Array.isArray(value) ? value.length : Object.keys((value as object) ?? {}).length;
const text = (value: unknown): string => show(value);
const compare = (a: unknown, b: unknown): number =>
	typeof a === "number" ? a - Number(b) : text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0;

function index(value: unknown, ...keys: readonly unknown[]): unknown {
	return keys.reduce<unknown>((at, key) => {
		if (Array.isArray(at)) {
			if (typeof key !== "number" || key < 0 || key >= at.length)
				throw failed(`error calling index: index out of range: ${key}`);
			return at[key];
		}
		return (at as Record<string, unknown> | null)?.[String(key)] ?? "";
	}, value);
}

/** Go's own limit (fmt, tooLarge). */
const MAX_WIDTH = 1_000_000;

const blanks = (count: unknown): string => {
	const n = Number(count);
	if (!(n >= 0 && n <= MAX_WIDTH)) throw failed(`pad: ${text(count)} is no width from 0 to ${MAX_WIDTH}`);
	return " ".repeat(n);
};

function printf(format: unknown, ...values: readonly unknown[]): string {
	let next = 0;
	let padded = 0;
	const limited = (digits: string): number => {
		padded += Number(digits);
		if (padded > MAX_WIDTH) throw failed(`a width of more than ${MAX_WIDTH} in a format: ${digits}`);
		return Number(digits);
	};
	return text(format).replace(
		/%(-?\d*)(\.\d+)?([vsdqtf%])/g,
		(_, width: string, precision: string | undefined, verb: string) => {
			if (verb === "%") return "%";
			const value = values[next++];
			const plain =
				verb === "q"
					? JSON.stringify(text(value))
					: verb === "f"
						? Number(value).toFixed(Math.min(precision ? limited(precision.slice(1)) : 6, 100))
						: text(value);
			if (width.startsWith("-")) return plain.padEnd(limited(width.slice(1)));
			return plain.padStart(limited(width || "0"), verb === "d" && width.startsWith("0") ? "0" : " ");
		},
	);
}

// biome-ignore lint/suspicious/noExplicitAny: each function checks or converts what it gets, as Go's do by reflection
export const FUNCTIONS: Readonly<Record<string, (...args: any[]) => unknown>> = {
	json: (value) => JSON.stringify(value === undefined ? null : value),
	html: (value) => text(value).replace(/[<>&'"]/g, (c) => `&#${c.charCodeAt(0)};`),
	urlquery: (value) => encodeURIComponent(text(value).toWellFormed()).replaceAll("%20", "+"),
	split: (value, separator) => text(value).split(text(separator)),
	join: (values, separator) => (Array.isArray(values) ? values.map(text).join(text(separator)) : text(values)),
	title: (value) => text(value).replace(/\b[a-z]/g, (c) => c.toUpperCase()),
	lower: (value) => text(value).toLowerCase(),
	upper: (value) => text(value).toUpperCase(),
	pad: (value, before, after) => `${blanks(before)}${text(value)}${blanks(after)}`,
	truncate: (value, length: number) => text(value).slice(0, length),
	println: (...values) => `${values.map(text).join(" ")}\n`,
	print: (...values) => values.map(text).join(""),
	printf,
	len: lengthOf,
	index,
	slice: (value, from = 0, to?: number) => (Array.isArray(value) ? value : text(value)).slice(from, to),
	not: (value) => !isTrue(value),
	eq: (a, ...others) => others.some((b) => a === b || text(a) === text(b)),
	ne: (a, b) => text(a) !== text(b),
	lt: (a, b) => compare(a, b) < 0,
	le: (a, b) => compare(a, b) <= 0,
	gt: (a, b) => compare(a, b) > 0,
	ge: (a, b) => compare(a, b) >= 0,
};
