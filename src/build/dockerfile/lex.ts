/**
 * The shell's words as a Dockerfile has them: quotes, escapes and `$` expansion, without a shell (Dockerfile reference,
 * "Environment replacement"). Pure. Not here: command substitution, arithmetic, globs; those are RUN's shell's affair.
 */
import { EngineError } from "../../errors.ts";
import { removePattern, replacePattern } from "./pattern.ts";

export interface Lexing {
	/** The escape character: "\\", or "`" by directive. */
	readonly escapeChar: string;
	/** Value of a variable; undefined: not set. */
	readonly lookup: (name: string) => string | undefined;
	/** Quotes stay in the result, for who looks at them later (heredoc names). */
	readonly rawQuotes?: boolean;
	/** Quotes are characters like any other, as in the text of a heredoc. */
	readonly noQuotes?: boolean;
	/** Escape characters stay. */
	readonly rawEscapes?: boolean;
	/** Variables stay as they are written: the text is only to be split. */
	readonly verbatim?: boolean;
	/** Told of each variable that is not set where the text does not say what to do then: for the linter. */
	readonly onUnset?: (name: string) => void;
}

/** The whole text as one word: blanks are kept. */
export function expandWord(text: string, lexing: Lexing): string {
	return new Lexer(text, lexing).run().word;
}

/** The words of a text, split at blanks that are not quoted. What a variable expands to is split too, as in a shell. */
export function expandWords(text: string, lexing: Lexing): string[] {
	return new Lexer(text, lexing).run().words;
}

/** Collects the characters of words; tells blanks of the text from blanks that quotes protect. */
class Words {
	readonly done: string[] = [];
	#current = "";
	#begun = false;

	/** Characters that may separate words. */
	text(characters: string): void {
		for (const c of characters) {
			if (/\s/.test(c)) this.end();
			else this.quoted(c);
		}
	}
	quoted(characters: string): void {
		this.#current += characters;
		this.#begun = true;
	}
	/** `""` is a word too. */
	empty(): void {
		this.#begun = true;
	}
	end(): string[] {
		if (this.#begun) this.done.push(this.#current);
		this.#current = "";
		this.#begun = false;
		return this.done;
	}
}

class Lexer {
	readonly #text: string;
	readonly #lexing: Lexing;
	#at = 0;

	constructor(text: string, lexing: Lexing) {
		this.#text = text;
		this.#lexing = lexing;
	}

	run(): { word: string; words: string[] } {
		const words = new Words();
		const word = this.#until("", words);
		return { word, words: words.end() };
	}

	/** Reads up to one of the characters of `stop`, which is left to the caller. */
	#until(stop: string, words: Words, rawEscapes = this.#lexing.rawEscapes): string {
		const { escapeChar, noQuotes } = this.#lexing;
		let result = "";
		while (this.#at < this.#text.length) {
			const c = this.#text[this.#at] ?? "";
			if (stop.includes(c)) return result;
			if (c === "'" && !noQuotes) result += this.#single(words);
			else if (c === '"' && !noQuotes) result += this.#double(words);
			else if (c === "$") {
				const value = this.#dollar();
				if (this.#lexing.verbatim) words.quoted(value);
				else words.text(value);
				result += value;
			} else if (c === escapeChar) {
				this.#at++;
				const next = this.#text[this.#at++] ?? "";
				if (rawEscapes) {
					words.quoted(c);
					result += c;
				}
				words.quoted(next);
				result += next;
			} else {
				this.#at++;
				words.text(c);
				result += c;
			}
		}
		if (stop !== "") throw new EngineError("invalid", `unexpected end of statement while looking for matching ${stop}`);
		return result;
	}

	/** Everything is literal up to the next quote. */
	#single(words: Words): string {
		const end = this.#text.indexOf("'", this.#at + 1);
		if (end < 0) {
			throw new EngineError("invalid", "unexpected end of statement while looking for matching single-quote");
		}
		const inner = this.#text.slice(this.#at + 1, end);
		this.#at = end + 1;
		words.empty();
		const result = this.#lexing.rawQuotes ? `'${inner}'` : inner;
		words.quoted(result);
		return result;
	}

	/** Variables are expanded; the escape character acts on `"`, `$` and itself. */
	#double(words: Words): string {
		const { escapeChar, rawQuotes, rawEscapes } = this.#lexing;
		let result = rawQuotes ? '"' : "";
		for (this.#at++; ; ) {
			const c = this.#text[this.#at];
			if (c === undefined) {
				throw new EngineError("invalid", "unexpected end of statement while looking for matching double-quote");
			}
			if (c === '"') break;
			if (c === "$") {
				result += this.#dollar();
			} else if (c === escapeChar) {
				const next = this.#text[this.#at + 1];
				const acts = next === '"' || next === "$" || next === escapeChar;
				if (next === undefined) {
					this.#at++;
					continue;
				}
				result += (acts && !rawEscapes ? "" : c) + next;
				this.#at += 2;
			} else {
				result += c;
				this.#at++;
			}
		}
		this.#at++;
		if (rawQuotes) result += '"';
		words.empty();
		words.quoted(result);
		return result;
	}

	#dollar(): string {
		this.#at++;
		if (this.#text[this.#at] !== "{") {
			const name = this.#name();
			if (name === "") return "$";
			return this.#lexing.verbatim ? `$${name}` : (this.#read(name) ?? "");
		}
		const start = this.#at - 1;
		this.#at++;
		if (this.#lexing.verbatim) {
			this.#until("}", new Words());
			this.#at++;
			return this.#text.slice(start, this.#at);
		}
		if (this.#at >= this.#text.length) throw new EngineError("invalid", "syntax error: missing '}'");
		if (this.#text[this.#at] === "}") throw new EngineError("invalid", "syntax error: empty variable name");
		const name = this.#name();
		return this.#modified(name) ?? "";
	}

	/** After `${name`: the modifier and the closing brace. undefined: the variable is not set. */
	#modified(name: string): string | undefined {
		const { lookup } = this.#lexing;
		const c = this.#text[this.#at];
		if (c === "}") {
			this.#at++;
			return this.#read(name);
		}
		const colon = c === ":";
		const modifier = this.#text[this.#at + (colon ? 1 : 0)];
		if (modifier === "+" || modifier === "-" || modifier === "?") {
			this.#at += colon ? 2 : 1;
			const word = this.#braced();
			const value = lookup(name);
			const given = value !== undefined && !(colon && value === "");
			if (modifier === "+") return given ? word : "";
			if (modifier === "-") return given ? value : word;
			if (given) return value;
			throw new EngineError("invalid", `${name}: ${word || `not ${colon ? "allowed to be empty" : "set"}`}`);
		}
		if (!colon && (modifier === "#" || modifier === "%")) {
			const longest = this.#text[this.#at + 1] === modifier;
			this.#at += longest ? 2 : 1;
			const pattern = this.#braced(true); // where an escape takes a wildcard's meaning
			const value = this.#read(name);
			return value && removePattern(value, pattern, modifier === "#" ? "prefix" : "suffix", longest);
		}
		if (!colon && modifier === "/") {
			const all = this.#text[this.#at + 1] === "/";
			this.#at += all ? 2 : 1;
			const pattern = this.#until("/}", new Words(), true);
			let replacement = "";
			if (this.#text[this.#at] === "/") {
				this.#at++;
				replacement = this.#until("}", new Words());
			}
			this.#at++;
			const value = this.#read(name);
			return value && replacePattern(value, pattern, replacement, all);
		}
		const text = colon ? `:${modifier ?? ""}` : (c ?? "");
		if (lookup(name) === undefined && text === "") throw new EngineError("invalid", "syntax error: missing '}'");
		throw new EngineError("invalid", `unsupported modifier (${text}) in substitution`);
	}

	#braced(rawEscapes = this.#lexing.rawEscapes): string {
		const word = this.#until("}", new Words(), rawEscapes);
		this.#at++;
		return word;
	}

	#name(): string {
		const match = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])/.exec(this.#text.slice(this.#at))?.[0] ?? "";
		this.#at += match.length;
		return match;
	}

	#read(name: string): string | undefined {
		const value = this.#lexing.lookup(name);
		if (value === undefined) this.#lexing.onUnset?.(name);
		return value;
	}
}
