/** .dockerignore (Dockerfile reference, ".dockerignore files"): which paths of the context are left out. Pure. */
import { EngineError } from "../../errors.ts";
import { globPattern } from "./glob.ts";
import { cleanPath } from "./path.ts";

interface Rule {
	readonly pattern: string;
	readonly regexp: RegExp;
	/** `!pattern` */
	readonly includes: boolean;
}

export class IgnoreRules {
	readonly #rules: readonly Rule[];

	constructor(patterns: readonly string[]) {
		this.#rules = patterns.map((pattern) => {
			const includes = pattern.startsWith("!");
			const path = includes ? pattern.slice(1) : pattern;
			return { pattern: path, regexp: globPattern(path), includes };
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
			if (matchesOrParent(rule.regexp, path)) ignored = !rule.includes;
		}
		return ignored;
	}

	/** Whether something below an ignored directory may be included again, so that it has to be looked at. */
	mayIncludeBelow(directory: string): boolean {
		return this.#rules.some((rule) => {
			if (!rule.includes) return false;
			const names = rule.pattern.split("/");
			const above = directory.split("/");
			return above.every((name, i) => {
				const pattern = names[i];
				if (names.slice(0, i + 1).includes("**")) return true;
				return pattern !== undefined && globPattern(pattern).test(name) && names.length > above.length;
			});
		});
	}
}

function matchesOrParent(regexp: RegExp, path: string): boolean {
	for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
		if (regexp.test(path.slice(0, end))) return true;
	}
	return false;
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
