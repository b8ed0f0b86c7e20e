/** The shell's patterns in `${name#pattern}` and its kin: `*`, `?`, and a backslash that takes their meaning. Pure. */
import { anything, literal, Pattern, type Step } from "../../match.ts";

function compile(pattern: string): Pattern {
	const steps: Step[] = [];
	const characters = [...pattern];
	for (let i = 0; i < characters.length; i++) {
		const c = characters[i] ?? "";
		if (c === "*") steps.push(anything("many"));
		else if (c === "?") steps.push(anything("one"));
		else steps.push(literal(c === "\\" && i + 1 < characters.length ? (characters[++i] ?? "") : c));
	}
	return new Pattern(steps);
}

/** `#` and `##` take away at the start, `%` and `%%` at the end; the doubled ones as much as they can. */
export function removePattern(value: string, pattern: string, end: "prefix" | "suffix", longest: boolean): string {
	const characters = end === "prefix" ? [...value] : [...value].reverse();
	const found = compile(pattern);
	const lengths = (end === "prefix" ? found : found.reversed()).prefixes(characters.join(""));
	const length = lengths.at(longest ? -1 : 0) ?? 0;
	const left = characters.slice(length);
	return (end === "prefix" ? left : left.reverse()).join("");
}

/** `/` replaces the first match, `//` all of them. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
	if (pattern === "") return value;
	const compiled = compile(pattern);
	const characters = [...value];
	let result = "";
	let at = 0;
	for (;;) {
		const match = compiled.find(characters, at);
		if (!match) break;
		const [begin, end] = match;
		result += characters.slice(at, begin).join("") + replacement;
		if (end === begin) result += characters[end] ?? ""; // an empty match: go on behind the next character
		at = end === begin ? end + 1 : end;
		if (!all || at > characters.length || (end === characters.length && end > begin)) break;
	}
	return result + characters.slice(at).join("");
}
