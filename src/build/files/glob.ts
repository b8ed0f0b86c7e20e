/**
 * Go's path patterns (path/filepath.Match) with docker's `**`. Pure. Not git's rules, which the libraries for .gitignore
 * follow: here a pattern without a slash matches at the root only. What has at most one place of any length is a regular
 * expression, which is quick; what has more could keep one busy for years, and is followed as src/match.ts does.
 */
import { EngineError } from "../../errors.ts";
import { anyBut, anything, literal, Pattern, type Step } from "../../match.ts";

const ESCAPED = /[\\^$.*+?()[\]{}|/]/g;

export interface GlobPattern {
	/** Whether all of the path matches. */
	test(path: string): boolean;
	/** Whether it, or a directory above it, does. */
	testWithParents(path: string): boolean;
}

/** A piece of a pattern, in both forms. */
interface Piece {
	readonly source: string;
	readonly step: Step;
}

/** A pattern for whole paths with "/" between names and none at the ends. Throws EngineError for a bad pattern. */
export function globPattern(pattern: string): GlobPattern {
	const pieces = parse(pattern);
	if (pieces.filter(({ step }) => step.kind !== "one").length > 1) {
		return new Pattern(pieces.map(({ step }) => step));
	}
	try {
		return new QuickPattern(new RegExp(`^${pieces.map(({ source }) => source).join("")}$`, "su"));
	} catch {
		throw bad(pattern);
	}
}

class QuickPattern implements GlobPattern {
	readonly #regexp: RegExp;

	constructor(regexp: RegExp) {
		this.#regexp = regexp;
	}

	test(path: string): boolean {
		return this.#regexp.test(path);
	}

	testWithParents(path: string): boolean {
		for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
			if (this.#regexp.test(path.slice(0, end))) return true;
		}
		return false;
	}
}

function parse(pattern: string): Piece[] {
	const pieces: Piece[] = [];
	const characters = [...pattern];
	for (let i = 0; i < characters.length; i++) {
		const c = characters[i] ?? "";
		if (c === "*" && characters[i + 1] === "*") {
			i++;
			if (characters[i + 1] === "/") i++;
			pieces.push(
				i + 1 >= characters.length
					? { source: ".*", step: anything("many") }
					: { source: "(?:.*/)?", step: { kind: "directories" } },
			);
		} else if (c === "*") pieces.push({ source: "[^/]*", step: anyBut("many", "/") });
		else if (c === "?") pieces.push({ source: "[^/]", step: anyBut("one", "/") });
		else if (c === "[") {
			const end = classEnd(pattern, characters, i);
			pieces.push(classPiece(pattern, characters.slice(i + 1, end).join("")));
			i = end;
		} else {
			const plain = c === "\\" ? characters[++i] : c;
			if (plain === undefined) throw bad(pattern);
			pieces.push({ source: plain.replace(ESCAPED, "\\$&"), step: literal(plain) });
		}
	}
	return pieces;
}

export const hasGlob = (path: string): boolean => /[*?[\\]/.test(path);

const bad = (pattern: string): EngineError =>
	new EngineError("invalid", `syntax error in pattern: ${JSON.stringify(pattern)}`);

/** Index of the "]" that ends the class begun at `start`. */
function classEnd(pattern: string, characters: readonly string[], start: number): number {
	for (let i = start + 1; i < characters.length; i++) {
		if (characters[i] === "\\") i++;
		else if (characters[i] === "]" && i > start + 1) return i;
	}
	throw bad(pattern);
}

/** "[^a-z]": only `^`, `-` and backslashes mean something in it. A class never matches "/". */
function classPiece(pattern: string, inner: string): Piece {
	const negated = inner.startsWith("^");
	const characters = (negated ? inner.slice(1) : inner).replace(/\\(.)|([[\]^])/gsu, (_, escaped, plain) =>
		`${escaped ?? plain}`.replace(/[\\\]^[-]/g, "\\$&"),
	);
	const source = negated ? `[^/${characters}]` : `(?!/)[${characters}]`;
	try {
		const one = new RegExp(`^${source}$`, "su");
		return { source, step: { kind: "one", test: (c) => one.test(c) } };
	} catch {
		throw bad(pattern);
	}
}
