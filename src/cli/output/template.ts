/**
 * Go templates (text/template), the part that `--format` uses: fields, variables, pipelines, if, range, with, and docker's
 * functions. Pure. Parsing is in template-parse.ts.
 */
import { EngineError } from "../../errors.ts";
import { jsonName, MAPS, unsetField } from "./go-fields.ts";
import { FUNCTIONS, failed, isTrue, show } from "./template-functions.ts";
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
	const fn = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
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

function walk(start: unknown, path: readonly string[], kind: DataKind): unknown {
	let value = start;
	let previous: string | undefined;
	for (const key of path) {
		if (value === null || value === undefined)
			throw failed(`executing "" at <.${path.join(".")}>: nil pointer evaluating interface {}.${key}`);
		if (typeof value !== "object")
			throw failed(`executing "" at <.${path.join(".")}>: can't evaluate field ${key} in type ${goType(value)}`);
		const own = Object.hasOwn(value, key) || previous === undefined || !MAPS.has(previous) ? jsonName(value, key) : key;
		if (!Object.hasOwn(value, own) && previous !== undefined && MAPS.has(previous)) return undefined;
		if (!Object.hasOwn(value, own) && kind === "row") {
			throw new EngineError(
				"usage",
				`failed to execute template: template: :1:2: executing "" at <.${path.join(".")}>: can't evaluate field ${key} in type *formatter.Context`,
			);
		}
		const unset = Object.hasOwn(value, own) ? undefined : unsetField(key);
		if (!Object.hasOwn(value, own) && unset === undefined)
			throw failed(`executing "" at <.${path.join(".")}>: map has no entry for key "${key}"`);
		value = unset === undefined ? (value as Record<string, unknown>)[own] : unset;
		previous = key;
	}
	return value;
}

const termText = (term: Term): string => ("path" in term ? `.${term.path.join(".")}` : term.kind);
const goType = (value: unknown): string =>
	typeof value === "number" ? "float64" : typeof value === "boolean" ? "bool" : "string";
