/** The shell's patterns in `${name#pattern}` and its kin: `*`, `?`, and a backslash that takes their meaning. Pure. */

function source(pattern: string, greedy: boolean): string {
	let result = "";
	for (let i = 0; i < pattern.length; i++) {
		const c = pattern[i] ?? "";
		if (c === "*") result += greedy ? ".*" : ".*?";
		else if (c === "?") result += ".";
		else
			result += (c === "\\" && i + 1 < pattern.length ? (pattern[++i] ?? "") : c).replace(
				/[\\^$.*+?()[\]{}|]/g,
				"\\$&",
			);
	}
	return result;
}

/** `#` and `##` take away at the start, `%` and `%%` at the end; the doubled ones as much as they can. */
export function removePattern(value: string, pattern: string, end: "prefix" | "suffix", longest: boolean): string {
	if (end === "prefix") return value.replace(new RegExp(`^${source(pattern, longest)}`, "s"), "");
	// The shortest suffix starts as late as possible, which no greediness of its own can say.
	const whole = new RegExp(`^${source(pattern, true)}$`, "s");
	const starts = Array.from({ length: value.length + 1 }, (_, i) => i);
	const start = (longest ? starts : starts.reverse()).find((i) => whole.test(value.slice(i)));
	return start === undefined ? value : value.slice(0, start);
}

/** `/` replaces the first match, `//` all of them. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
	if (pattern === "") return value;
	return value.replace(new RegExp(source(pattern, true), all ? "gs" : "s"), () => replacement);
}
