/** `--chmod`: octal, or symbolic as chmod(1) has it ("u=rwX,go=rX", "+x"). Pure. */
import { EngineError } from "../../errors.ts";

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };
const S_IFDIR = 0o040000;
const S_IFMT = 0o170000;

/** Returns what a file's mode (with its type) becomes. Throws EngineError for a text that is none. */
export function parseChmod(text: string): (mode: number) => number {
	if (/^\d+$/.test(text)) {
		const fixed = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
		if (fixed <= 0o7777) return () => fixed;
		throw new EngineError(
			"invalid",
			`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
		);
	}
	const clauses = text.split(",");
	if (!clauses.every((clause) => /^[ugoa]*([+=-]([rwxXst]*|[ugo]))+$/.test(clause))) {
		throw new EngineError("invalid", `invalid chmod parameter: '${text}'. it should be octal string or symbolic mode`);
	}
	return (mode) => clauses.reduce(applyClause, mode) & 0o7777;
}

function applyClause(mode: number, clause: string): number {
	const who = /^[ugoa]*/.exec(clause)?.[0] || "a";
	const mask = [...who].reduce((bits, letter) => bits | (WHO[letter] ?? 0), 0);
	let result = mode;
	for (const [, operator, letters = ""] of clause
		.slice(/^[ugoa]*/.exec(clause)?.[0].length)
		.matchAll(/([+=-])([^+=-]*)/g)) {
		const bits = bitsOf(letters, result) & mask;
		if (operator === "+") result |= bits;
		else if (operator === "-") result &= ~bits;
		else result = (result & ~(mask & 0o7777)) | bits;
	}
	return result;
}

function bitsOf(letters: string, mode: number): number {
	let bits = 0;
	for (const letter of letters) {
		if (letter === "X") bits |= (mode & S_IFMT) === S_IFDIR || mode & 0o111 ? 0o111 : 0;
		else if (letter === "u") bits |= spread((mode >> 6) & 7);
		else if (letter === "g") bits |= spread((mode >> 3) & 7);
		else if (letter === "o") bits |= spread(mode & 7);
		else bits |= BITS[letter] ?? 0;
	}
	return bits;
}

const spread = (three: number): number => (three << 6) | (three << 3) | three;
