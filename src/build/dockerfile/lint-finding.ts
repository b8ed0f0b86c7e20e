/** What the linter finds: which rule, in which words, at which lines. */
import type { Range } from "./lines.ts";

export interface Finding {
	readonly rule: string;
	readonly message: string;
	readonly range: Range;
}

export const found = (rule: string, message: string, range: Range): Finding => ({ rule, message, range });
