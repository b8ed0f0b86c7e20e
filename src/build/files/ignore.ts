/** .dockerignore (Dockerfile reference, ".dockerignore files"): which paths of the context are left out. Pure. */
import { EngineError } from "../../errors.ts";
import { type GlobPattern, globPattern } from "./glob.ts";
import { cleanPath } from "./path.ts";

interface Rule {
	readonly pattern: GlobPattern;
	/** The pattern of each name in it; undefined: "**". */
	readonly names: readonly (GlobPattern | undefined)[];
	/** `!pattern` */
	readonly includes: boolean;
}

export class IgnoreRules {
	readonly #rules: readonly Rule[];

	constructor(patterns: readonly string[]) {
		this.#rules = patterns.map((pattern) => {
			const includes = pattern.startsWith("!");
			const path = includes ? pattern.slice(1) : pattern;
			const names = includes ? path.split("/").map((name) => (name === "**" ? undefined : nameInPattern(name))) : [];
			return { pattern: globPattern(path), names, includes };
		});
	}

	get empty(): boolean {
		return this.#rules.length === 0;
	}

	/**
	 * Whether the path is left out. The last rule that matches it, or a directory above it, decides. `path` is relative,
	 * without "./".
	 */
	ignores(path: string): boolean {
		let ignored = false;
		for (const rule of this.#rules) {
			if (rule.includes !== ignored) continue; // it could only say what is so already
			if (rule.pattern.testWithParents(path)) ignored = !rule.includes;
		}
		return ignored;
	}

	/** Whether something below an ignored directory may be included again, so that it has to be looked at. */
	mayIncludeBelow(directory: string): boolean {
		const above = directory.split("/");
		return this.#rules.some(({ includes, names }) => {
			if (!includes) return false;
			return above.every((name, i) => {
				if (names.slice(0, i + 1).includes(undefined)) return true;
				return (names[i]?.test(name) ?? false) && names.length > above.length;
			});
		});
	}
}

/** One name of a path pattern; where a class holds a slash it is none, and anything may be below. */
function nameInPattern(name: string): GlobPattern | undefined {
	try {
		return globPattern(name);
	} catch {
		return undefined;
	}
}

/** The patterns of an ignore file. Throws EngineError for one that is malformed. */
export function parseIgnoreFile(text: string): string[] {
	const patterns = text
		.replace(/^\uFEFF/, "")
		.split("\n")
		.filter((line) => !line.startsWith("#"))
		.map((line) => line.trim())
		.filter(Boolean)
		.map((line) => {
			const includes = line.startsWith("!");
			if (line === "!") throw new EngineError("invalid", 'illegal exclusion pattern: "!"');
			const path = cleanPath((includes ? line.slice(1) : line).trim()).replace(/^\/+/, "");
			return includes ? `!${path}` : path;
		})
		.filter((pattern) => pattern !== "" && pattern !== "!" && pattern !== "." && pattern !== "!.");
	for (const pattern of patterns) globPattern(pattern.replace(/^!/, ""));
	return patterns;
}
