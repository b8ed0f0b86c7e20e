/** The exec form of an instruction. Pure. */
import { EngineError } from "../../errors.ts";

/**
 * A JSON array of strings, or undefined if it is none: then the shell's form is meant. What follows the array counts for
 * nothing, as with docker. Throws for an array of other things.
 */
export function jsonArray(text: string): string[] | undefined {
	const array = firstArray(text);
	if (array === undefined) return undefined;
	let value: unknown;
	try {
		value = JSON.parse(array);
	} catch {
		return undefined;
	}
	if (!Array.isArray(value)) return undefined;
	if (value.every((item) => typeof item === "string")) return value;
	throw new EngineError("invalid", "When using JSON array syntax, arrays must be comprised of strings only");
}

/** Up to the bracket that closes the first one; brackets in strings are characters. */
function firstArray(text: string): string | undefined {
	if (!text.startsWith("[")) return undefined;
	let depth = 0;
	for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]]/gs)) {
		if (token === "[") depth++;
		else if (token === "]" && --depth === 0) return text.slice(0, index + 1);
	}
	return undefined;
}
