/**
 * The text of a Dockerfile → directives and logical lines: comments gone, continued lines joined, heredocs gathered
 * (Dockerfile reference, "Parser directives", "Here-documents"). Pure.
 */
import { EngineError } from "../../errors.ts";
import { expandWords } from "./lex.ts";

/** Line numbers, from 1. */
export interface Range {
	readonly start: number;
	readonly end: number;
}

export interface Heredoc {
	readonly name: string;
	/** The lines between, each with its newline. */
	readonly content: string;
	/** No part of the name was quoted: variables in the content are expanded. */
	readonly expand: boolean;
	/** As it stands on the line: `<<-"EOF"`. */
	readonly word: string;
}

export interface Line {
	/** Upper case: "RUN". */
	readonly keyword: string;
	/** `--name=value` words before the arguments. */
	readonly flags: readonly string[];
	readonly rest: string;
	readonly heredocs: readonly Heredoc[];
	readonly range: Range;
	/** The comment right above it, for the descriptions of stages and arguments. */
	readonly comment: string;
}

export interface Directives {
	readonly syntax?: string;
	readonly escapeChar: string;
	readonly check?: string;
}

/** A mistake in a Dockerfile, with its place. */
export class DockerfileError extends EngineError {
	constructor(
		message: string,
		readonly range: Range,
	) {
		super("invalid", message);
	}
}

const parseError = (line: number, message: string, end = line): DockerfileError =>
	new DockerfileError(`dockerfile parse error on line ${line}: ${message}`, { start: line, end });

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const KNOWN = ["syntax", "escape", "check"];

/** Directives are comments at the very top; the first line that is none ends them. */
export function parseDirectives(lines: readonly string[]): Directives {
	const found = new Map<string, string>();
	for (const [i, line] of lines.entries()) {
		const match = DIRECTIVE.exec(line.trimStart());
		if (!match) break;
		const name = (match[1] ?? "").toLowerCase();
		if (!KNOWN.includes(name)) continue;
		if (found.has(name)) throw parseError(i + 1, `only one ${name} parser directive can be used`);
		found.set(name, match[2] ?? "");
	}
	const escapeChar = found.get("escape") ?? "\\";
	if (escapeChar !== "\\" && escapeChar !== "`") {
		throw parseError(1, `invalid ESCAPE '${escapeChar}' does not match \` or \\`);
	}
	const syntax = found.get("syntax");
	const check = found.get("check");
	return { escapeChar, ...(syntax === undefined ? {} : { syntax }), ...(check === undefined ? {} : { check }) };
}

export interface Dockerfile {
	readonly directives: Directives;
	readonly lines: readonly Line[];
	/** Of continued instructions that have an empty line inside: an error in days to come. */
	readonly emptyContinuations: readonly Range[];
	/** Every line of the file, for messages. */
	readonly source: readonly string[];
}

const isComment = (line: string): boolean => line.trimStart().startsWith("#");

/** Throws DockerfileError. */
export function parseLines(text: string): Dockerfile {
	const source = text.replace(/^\uFEFF/, "").split("\n");
	if (source.at(-1) === "") source.pop();
	const raw = source.map((line) => line.replace(/\r$/, ""));
	const directives = parseDirectives(raw);
	const firstLine = raw.findIndex((line) => !DIRECTIVE.test(line.trimStart())); // those before describe nothing
	const escapeChar = directives.escapeChar === "`" ? "`" : "\\\\";
	// An escape character at the end of a line, not itself escaped, maybe with blanks behind it.
	const continuation = new RegExp(`(?:([^${escapeChar}])|^)${escapeChar}[ \\t]*$`);
	const lines: Line[] = [];
	const emptyContinuations: Range[] = [];
	let comment: string[] = [];
	for (let i = 0; i < raw.length; ) {
		const start = i;
		let current = raw[i++] ?? "";
		if (isComment(current)) {
			if (start >= firstLine) comment.push(current.trim().slice(1).trim());
			continue;
		}
		current = current.trimStart();
		if (current === "") {
			comment = [];
			continue;
		}
		let joined = current.replace(continuation, "$1");
		let continues = joined !== current;
		let empty = false;
		while (continues && i < raw.length) {
			const next = raw[i++] ?? "";
			if (isComment(next)) continue;
			if (next.trim() === "") {
				empty = true;
				continue;
			}
			const cut = next.replace(continuation, "$1");
			continues = cut !== next;
			joined += cut;
		}
		if (joined.trim() === "") continue;
		const { heredocs, next } = readHeredocs(joined, raw, i, directives.escapeChar, start + 1);
		i = next;
		if (empty) emptyContinuations.push({ start: start + 1, end: i });
		lines.push({ ...splitLine(joined), heredocs, range: { start: start + 1, end: i }, comment: comment.join("\n") });
		comment = [];
	}
	if (lines.length === 0) throw new EngineError("invalid", "file with no instructions");
	return { directives, lines, emptyContinuations, source: raw };
}

function splitLine(line: string): Pick<Line, "keyword" | "flags" | "rest"> {
	const [, keyword = "", args = ""] = /^(\S+)\s*([\s\S]*)$/.exec(line.trim()) ?? [];
	const { flags, rest } = splitFlags(args);
	return { keyword: keyword.toUpperCase(), flags, rest: rest.trim() };
}

/** Takes `--name=value` words off the front; quotes and backslashes protect blanks in them. */
export function splitFlags(args: string): { flags: string[]; rest: string } {
	const flags: string[] = [];
	let at = 0;
	for (;;) {
		while (/\s/.test(args[at] ?? "")) at++;
		if (!args.startsWith("--", at)) return { flags, rest: args.slice(at) };
		let word = "";
		let quote = "";
		for (; at < args.length; at++) {
			const c = args[at] ?? "";
			if (quote) {
				if (c === quote) quote = "";
				else if (c === "\\" && at + 1 < args.length) word += args[++at];
				else word += c;
			} else if (/\s/.test(c)) break;
			else if (c === '"' || c === "'") quote = c;
			else if (c === "\\" && at + 1 < args.length) word += args[++at];
			else word += c;
		}
		if (word === "--") return { flags, rest: args.slice(at) };
		flags.push(word);
	}
}

const WITH_HEREDOCS = /^(ONBUILD\s+)?(ADD|COPY|RUN)\s/i;

function readHeredocs(
	line: string,
	raw: readonly string[],
	from: number,
	escapeChar: string,
	start: number,
): { heredocs: Heredoc[]; next: number } {
	const found = WITH_HEREDOCS.test(line) ? heredocWords(line, escapeChar) : [];
	const heredocs: Heredoc[] = [];
	let next = from;
	for (const { word, name, chomp, expand } of found) {
		let content = "";
		for (;;) {
			if (next >= raw.length) throw parseError(start, "unterminated heredoc", next);
			const text = raw[next++] ?? "";
			const stripped = chomp ? text.replace(/^\t+/, "") : text;
			if (stripped === name) break;
			content += `${stripped}\n`;
		}
		heredocs.push({ word, name, content, expand });
	}
	return { heredocs, next };
}

/** The `<<NAME` words of a line, outside of quotes. */
function heredocWords(line: string, escapeChar: string) {
	// A JSON array has none.
	if (/^(ONBUILD\s+)?\w+\s+\[/i.test(line)) return [];
	const lexing = { escapeChar, lookup: () => undefined, rawQuotes: true, rawEscapes: true, verbatim: true };
	let words: string[];
	try {
		words = expandWords(line, lexing);
	} catch {
		return []; // a shell's own quoting, which is not ours to read
	}
	return words.flatMap((word) => {
		const match = /^\d*<<(-?)([^<]+)$/.exec(word);
		const quoted = match?.[2];
		if (quoted === undefined) return [];
		const names = expandWords(quoted, { escapeChar, lookup: () => undefined, verbatim: true });
		const name = names[0];
		if (names.length !== 1 || name === undefined) return [];
		return [{ word, name, chomp: match?.[1] === "-", expand: !/['"\\]/.test(quoted) }];
	});
}
