/** The exec form of an instruction. Pure. */
import { EngineError } from "../../errors.ts";

/**
 * A JSON array of strings, or undefined if it is none: then the shell's form is meant. What follows the array counts for
 * nothing, as with docker. Throws for an array of other things.
 */
export function jsonArray(text: string): string[] | undefined {
	const array = /^\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\]/s.exec(text)?.[0];
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
