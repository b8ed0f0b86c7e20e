/**
 * Go's path patterns (path/filepath.Match) with docker's `**`, as regular expressions. Pure. Not git's rules, which the
 * libraries for .gitignore follow: here a pattern without a slash matches at the root only.
 */
import { EngineError } from "../../errors.ts";

const ESCAPED = /[\\^$.*+?()[\]{}|/]/g;

/** A pattern for whole paths with "/" between names and none at the ends. Throws EngineError for a bad pattern. */
export function globPattern(pattern: string): RegExp {
	let source = "";
	for (let i = 0; i < pattern.length; i++) {
		const c = pattern[i] ?? "";
		if (c === "*" && pattern[i + 1] === "*") {
			i++;
			if (pattern[i + 1] === "/") i++;
			source += i + 1 >= pattern.length ? ".*" : "(?:.*/)?";
		} else if (c === "*") source += "[^/]*";
		else if (c === "?") source += "[^/]";
		else if (c === "[") {
			const end = classEnd(pattern, i);
			source += classSource(pattern.slice(i + 1, end));
			i = end;
		} else if (c === "\\") {
			const next = pattern[++i];
			if (next === undefined) throw bad(pattern);
			source += next.replace(ESCAPED, "\\$&");
		} else source += c.replace(ESCAPED, "\\$&");
	}
	try {
		return new RegExp(`^${source}$`, "s");
	} catch {
		throw bad(pattern);
	}
}

export const hasGlob = (path: string): boolean => /[*?[\\]/.test(path);

const bad = (pattern: string): EngineError =>
	new EngineError("invalid", `syntax error in pattern: ${JSON.stringify(pattern)}`);

/** Index of the "]" that ends the class begun at `start`. */
function classEnd(pattern: string, start: number): number {
	for (let i = start + 1; i < pattern.length; i++) {
		if (pattern[i] === "\\") i++;
		else if (pattern[i] === "]" && i > start + 1) return i;
	}
	throw bad(pattern);
}

/** "[^a-z]": only `^`, `-` and backslashes mean something in it. A class never matches "/". */
function classSource(inner: string): string {
	const negated = inner.startsWith("^");
	const characters = (negated ? inner.slice(1) : inner).replace(/\\(.)|([[\]^])/gs, (_, escaped, plain) =>
		`${escaped ?? plain}`.replace(/[\\\]^[-]/g, "\\$&"),
	);
	return negated ? `[^/${characters}]` : `(?!/)[${characters}]`;
}
