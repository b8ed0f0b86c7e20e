/**
 * Go templates (text/template), the part that `--format` uses: fields, variables, pipelines, if, range, with, and docker's
 * functions. Pure. Parsing is in template-parse.ts.
 */
import { EngineError } from "../../errors.ts";
import { type Expression, type Node, parseTemplate, type Term } from "./template-parse.ts";

/** docker's rows are Go structs, where a missing field is of the template; inspect's objects are maps. */
export type DataKind = "row" | "object";

interface Scope {
	readonly kind: DataKind;
	readonly dot: unknown;
	readonly root: unknown;
	readonly variables: Map<string, unknown>;
}

/** Renders `template` over `data`. Keys that are missing in a map are errors, as docker's inspect has them. */
export function renderTemplate(template: string, data: unknown): string {
	return compileTemplate(template)(data);
}

/** Parses once, for many. In templates of rows \\t and \\n in the text mean what they say, as in `ps --format`. */
export function compileTemplate(template: string, kind: DataKind = "object"): (data: unknown) => string {
	const nodes = parseTemplate(template, kind === "row");
	return (data) => renderNodes(nodes, { kind, dot: data, root: data, variables: new Map() });
}

function renderNodes(nodes: readonly Node[], scope: Scope): string {
	return nodes.map((node) => renderNode(node, scope)).join("");
}

function renderNode(node: Node, scope: Scope): string {
	switch (node.kind) {
		case "text":
			return node.text;
		case "output": {
			const value = evaluate(node.pipeline, scope);
			if (node.assign === undefined) return show(value);
			scope.variables.set(node.assign, value);
			return "";
		}
		case "if":
			return renderNodes(isTrue(evaluate(node.pipeline, scope)) ? node.body : node.otherwise, inner(scope, scope.dot));
		case "with": {
			const value = evaluate(node.pipeline, scope);
			return isTrue(value) ? renderNodes(node.body, inner(scope, value)) : renderNodes(node.otherwise, scope);
		}
		case "range":
			return renderRange(node, scope);
	}
}

const inner = (scope: Scope, dot: unknown): Scope => ({ ...scope, dot, variables: new Map(scope.variables) });

function renderRange(node: Extract<Node, { kind: "range" }>, scope: Scope): string {
	const value = evaluate(node.pipeline, scope);
	const entries: (readonly [unknown, unknown])[] = Array.isArray(value)
		? value.map((item, i) => [i, item])
		: typeof value === "object" && value !== null
			? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
			: [];
	if (entries.length === 0) return renderNodes(node.otherwise, scope);
	return entries
		.map(([key, item]) => {
			const each = inner(scope, item);
			const [first, second] = node.variables;
			if (first && second) {
				each.variables.set(first, key);
				each.variables.set(second, item);
			} else if (first) each.variables.set(first, item);
			return renderNodes(node.body, each);
		})
		.join("");
}

function evaluate(pipeline: readonly Expression[], scope: Scope): unknown {
	let value: unknown;
	pipeline.forEach((expression, i) => {
		value = call(expression, scope, i > 0 ? [value] : []);
	});
	return value;
}

function call(expression: Expression, scope: Scope, piped: readonly unknown[]): unknown {
	const [head, ...rest] = expression;
	if (!head) return undefined;
	if (head.kind !== "function") {
		const value = termValue(head, scope);
		// A method of docker's rows that takes an argument: {{.Label "name"}}
		if (typeof value === "function") return value(...rest.map((term) => termValue(term, scope)), ...piped);
		if (rest.length || piped.length) throw failed(`can't give argument to non-function ${termText(head)}`);
		return value;
	}
	const name = head.name;
	if (name === "and" || name === "or") return shortCircuit(name, rest, scope, piped);
	const fn = FUNCTIONS[name];
	if (!fn) throw new EngineError("usage", `template parsing error: template: :1: function "${name}" not defined`);
	return fn(...rest.map((term) => termValue(term, scope)), ...piped);
}

function shortCircuit(name: "and" | "or", terms: readonly Term[], scope: Scope, piped: readonly unknown[]): unknown {
	let value: unknown;
	for (const get of [...terms.map((term) => () => termValue(term, scope)), ...piped.map((item) => () => item)]) {
		value = get();
		if (isTrue(value) === (name === "or")) return value;
	}
	return value;
}

function termValue(term: Term, scope: Scope): unknown {
	switch (term.kind) {
		case "literal":
			return term.value;
		case "pipeline":
			return walk(evaluate(term.pipeline, scope), term.path, scope.kind);
		case "field":
			return walk(scope.dot, term.path, scope.kind);
		case "variable": {
			if (term.name !== "$" && !scope.variables.has(term.name)) {
				throw new EngineError("usage", `template parsing error: template: :1: undefined variable "${term.name}"`);
			}
			return walk(term.name === "$" ? scope.root : scope.variables.get(term.name), term.path, scope.kind);
		}
		case "function":
			return call([term], scope, []);
	}
}

/** Maps of strings: a key that is not there has no value, where a field that is not there is a mistake. */
const MAPS = new Set(["Labels", "Sysctls", "Tmpfs", "Networks", "Ports", "PortBindings", "ExposedPorts", "Volumes"]);

function walk(start: unknown, path: readonly string[], kind: DataKind): unknown {
	let value = start;
	let previous: string | undefined;
	for (const key of path) {
		if (value === null || value === undefined)
			throw failed(`executing "" at <.${path.join(".")}>: nil pointer evaluating interface {}.${key}`);
		if (typeof value !== "object")
			throw failed(`executing "" at <.${path.join(".")}>: can't evaluate field ${key} in type ${goType(value)}`);
		if (!(key in value) && previous !== undefined && MAPS.has(previous)) return undefined;
		if (!(key in value) && kind === "row") {
			throw new EngineError(
				"usage",
				`failed to execute template: template: :1:2: executing "" at <.${path.join(".")}>: can't evaluate field ${key} in type *formatter.Context`,
			);
		}
		if (!(key in value)) throw failed(`executing "" at <.${path.join(".")}>: map has no entry for key "${key}"`);
		value = (value as Record<string, unknown>)[key];
		previous = key;
	}
	return value;
}

const termText = (term: Term): string => ("path" in term ? `.${term.path.join(".")}` : term.kind);
const failed = (why: string): EngineError => new EngineError("usage", `template parsing error: template: :1:2: ${why}`);
const goType = (value: unknown): string =>
	typeof value === "number" ? "float64" : typeof value === "boolean" ? "bool" : "string";

function isTrue(value: unknown): boolean {
	if (Array.isArray(value)) return value.length > 0;
	if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
	return Boolean(value);
}

/** As Go's fmt prints what came out of JSON. */
function show(value: unknown): string {
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

function printf(format: unknown, ...values: readonly unknown[]): string {
	let next = 0;
	return text(format).replace(
		/%(-?\d*)(\.\d+)?([vsdqtf%])/g,
		(_, width: string, precision: string | undefined, verb: string) => {
			if (verb === "%") return "%";
			const value = values[next++];
			const plain =
				verb === "q"
					? JSON.stringify(text(value))
					: verb === "f"
						? Number(value).toFixed(precision ? Number(precision.slice(1)) : 6)
						: text(value);
			if (width.startsWith("-")) return plain.padEnd(Number(width.slice(1)));
			return plain.padStart(Number(width || 0), verb === "d" && width.startsWith("0") ? "0" : " ");
		},
	);
}

// biome-ignore lint/suspicious/noExplicitAny: each function checks or converts what it gets, as Go's do by reflection
const FUNCTIONS: Readonly<Record<string, (...args: any[]) => unknown>> = {
	json: (value) => JSON.stringify(value === undefined ? null : value),
	html: (value) => text(value).replace(/[<>&'"]/g, (c) => `&#${c.charCodeAt(0)};`),
	urlquery: (value) => encodeURIComponent(text(value)).replaceAll("%20", "+"),
	split: (value, separator) => text(value).split(text(separator)),
	join: (values, separator) => (Array.isArray(values) ? values.map(text).join(text(separator)) : text(values)),
	title: (value) => text(value).replace(/\b[a-z]/g, (c) => c.toUpperCase()),
	lower: (value) => text(value).toLowerCase(),
	upper: (value) => text(value).toUpperCase(),
	pad: (value, before: number, after: number) => `${" ".repeat(before)}${text(value)}${" ".repeat(after)}`,
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
