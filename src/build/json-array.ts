/** The exec form of an instruction. Pure. */

/** A JSON array of strings, or undefined if it is none: then the shell's form is meant. */
export function jsonArray(text: string): string[] | undefined {
	if (!text.startsWith("[")) return undefined;
	try {
		const value: unknown = JSON.parse(text);
		return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
	} catch {
		return undefined;
	}
}
