/** The grammar of Go templates, as far as template.ts renders them. Pure. */
import { EngineError } from "../../errors.ts";

export type Term =
	| { readonly kind: "literal"; readonly value: unknown }
	| { readonly kind: "field"; readonly path: readonly string[] }
	| { readonly kind: "variable"; readonly name: string; readonly path: readonly string[] }
	| { readonly kind: "function"; readonly name: string }
	| { readonly kind: "pipeline"; readonly pipeline: readonly Expression[]; readonly path: readonly string[] };

/** A term and its arguments. */
export type Expression = readonly Term[];

export type Node =
	| { readonly kind: "text"; readonly text: string }
	| { readonly kind: "output"; readonly pipeline: readonly Expression[]; readonly assign: string | undefined }
	| {
			readonly kind: "if" | "with";
			readonly pipeline: readonly Expression[];
			readonly body: readonly Node[];
			readonly otherwise: readonly Node[];
	  }
	| {
			readonly kind: "range";
			readonly variables: readonly string[];
			readonly pipeline: readonly Expression[];
			readonly body: readonly Node[];
			readonly otherwise: readonly Node[];
	  };

const bad = (why: string): EngineError => new EngineError("usage", `failed to parse template: template: :1: ${why}`);

/** A Go string literal: JSON's escapes cover what people write. */
function parseString(token: string): string {
	try {
		return JSON.parse(token) as string;
	} catch {
		throw bad("unterminated quoted string");
	}
}

type Piece = { readonly text: string } | { readonly action: string };

/** Splits text from {{actions}}; "{{-" and "-}}" trim blanks. */
function split(template: string): Piece[] {
	const pieces: Piece[] = [];
	let at = 0;
	let trim = false;
	for (;;) {
		const open = template.indexOf("{{", at);
		let text = open < 0 ? template.slice(at) : template.slice(at, open);
		if (trim) text = text.trimStart();
		if (open < 0) return [...pieces, { text }];
		const close = endOfAction(template, open + 2);
		let action = template.slice(open + 2, close);
		if (/^-\s/.test(action)) {
			text = text.trimEnd();
			action = action.slice(1);
		}
		trim = /\s-$/.test(action);
		if (trim) action = action.slice(0, -1);
		pieces.push({ text }, { action: action.trim() });
		at = close + 2;
	}
}

function endOfAction(template: string, from: number): number {
	for (let i = from; i < template.length; i++) {
		const c = template[i];
		if (c === '"' || c === "`") {
			const quote = c;
			for (i++; i < template.length && template[i] !== quote; i++) if (quote === '"' && template[i] === "\\") i++;
		} else if (template.startsWith("}}", i)) return i;
	}
	throw bad("unclosed action");
}

/** With `escapes`, \\t and \\n in the text are a tab and a newline. */
export function parseTemplate(template: string, escapes = false): Node[] {
	const pieces = split(template);
	let at = 0;

	function block(): { nodes: Node[]; end: string } {
		const nodes: Node[] = [];
		while (at < pieces.length) {
			const piece = pieces[at++];
			if (!piece) break;
			if ("text" in piece) {
				const text = escapes ? piece.text.replaceAll("\\t", "\t").replaceAll("\\n", "\n") : piece.text;
				if (text) nodes.push({ kind: "text", text });
				continue;
			}
			const { action } = piece;
			const word = /^(if|range|with|else|end)\b/.exec(action)?.[1];
			if (action.startsWith("/*")) continue;
			if (word === "else" || word === "end") return { nodes, end: action };
			if (word) nodes.push(control(word as "if" | "range" | "with", action.slice(word.length).trim()));
			else nodes.push(output(action));
		}
		return { nodes, end: "" };
	}

	function control(kind: "if" | "range" | "with", rest: string): Node {
		const then = block();
		let otherwise: Node[] = [];
		if (then.end.startsWith("else")) {
			const chained = /^else\s+(if|with)\s+(.*)$/s.exec(then.end);
			if (chained) otherwise = [control(chained[1] as "if" | "with", chained[2] ?? "")];
			else {
				const other = block();
				if (other.end !== "end") throw bad("unexpected EOF");
				otherwise = other.nodes;
			}
		} else if (then.end !== "end") throw bad("unexpected EOF");
		if (kind !== "range") return { kind, pipeline: parsePipeline(rest), body: then.nodes, otherwise };
		const declared = /^((?:\$\w+\s*,\s*)?\$\w+)\s*:=\s*(.*)$/s.exec(rest);
		const variables = declared?.[1]?.split(",").map((name) => name.trim()) ?? [];
		return { kind, variables, pipeline: parsePipeline(declared?.[2] ?? rest), body: then.nodes, otherwise };
	}

	const { nodes, end } = block();
	if (end) throw bad(`unexpected {{${end}}}`);
	return nodes;
}

function output(action: string): Node {
	const assign = /^(\$\w+)\s*:?=\s*(.*)$/s.exec(action);
	return { kind: "output", pipeline: parsePipeline(assign?.[2] ?? action), assign: assign?.[1] };
}

const TOKEN = /\s*(\||\(|\)|"(?:[^"\\]|\\.)*"|`[^`]*`|-?\d+(?:\.\d+)?|\$?\w*(?:\.\w+)+|\.|\$\w*|\w+)/y;

function tokens(text: string): string[] {
	const found: string[] = [];
	TOKEN.lastIndex = 0;
	for (let at = 0; at < text.trimEnd().length; at = TOKEN.lastIndex) {
		const match = TOKEN.exec(text);
		if (!match?.[1]) throw bad(`unexpected ${JSON.stringify(text.slice(at).trim()[0])} in operand`);
		found.push(match[1]);
	}
	return found;
}

function parsePipeline(text: string): Expression[] {
	const list = tokens(text);
	if (list.length === 0) throw bad("missing value for command");
	let at = 0;

	function pipeline(): Expression[] {
		const expressions: Expression[] = [];
		let current: Term[] = [];
		for (; at < list.length && list[at] !== ")"; at++) {
			if (list[at] === "|") {
				if (!current.length) throw bad("missing value for command");
				expressions.push(current);
				current = [];
			} else current.push(term(list[at] ?? ""));
		}
		if (!current.length) throw bad("missing value for command");
		return [...expressions, current];
	}

	function term(token: string): Term {
		if (token === "(") {
			at++;
			const inside = pipeline();
			if (list[at] !== ")") throw bad("unclosed left paren");
			const next = list[at + 1];
			if (next === undefined || !/^\.\w/.test(next)) return { kind: "pipeline", pipeline: inside, path: [] };
			at++;
			return { kind: "pipeline", pipeline: inside, path: next.slice(1).split(".") };
		}
		if (token.startsWith('"')) return { kind: "literal", value: parseString(token) };
		if (token.startsWith("`")) return { kind: "literal", value: token.slice(1, -1) };
		if (/^-?\d/.test(token)) return { kind: "literal", value: Number(token) };
		if (token === ".") return { kind: "field", path: [] };
		if (token.startsWith(".")) return { kind: "field", path: token.slice(1).split(".") };
		if (token.startsWith("$")) {
			const [name = "$", ...path] = token.split(".");
			return { kind: "variable", name, path };
		}
		if (token === "true" || token === "false") return { kind: "literal", value: token === "true" };
		if (token === "nil") return { kind: "literal", value: null };
		const [name = "", ...path] = token.split(".");
		if (path.length) throw bad(`function "${name}" not defined`);
		return { kind: "function", name };
	}

	const result = pipeline();
	if (at < list.length) throw bad("unexpected right paren");
	return result;
}
