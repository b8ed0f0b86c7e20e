/** Patterns that match in linear time, against JavaScript's regular expressions where those are quick enough to ask. */
import { describe, expect, test } from "bun:test";
import { removePattern, replacePattern } from "../../src/build/dockerfile/pattern.ts";
import { globPattern } from "../../src/build/files/glob.ts";
import { IgnoreRules } from "../../src/build/files/ignore.ts";
import { anyBut, anything, literal, Pattern, type Step } from "../../src/match.ts";

let seed = 7;
const pick = (below: number): number => {
	seed = (seed * 1103515245 + 12345) & 0x7fffffff;
	return (seed >> 8) % below;
};
const word = (letters: string, most: number): string =>
	Array.from({ length: pick(most + 1) }, () => letters[pick(letters.length)] ?? "").join("");

/** The same two ways. */
const PIECES: readonly (readonly [Step, string])[] = [
	[literal("a"), "a"],
	[literal("b"), "b"],
	[literal("/"), "/"],
	[anyBut("many", "/"), "[^/]*"],
	[anyBut("one", "/"), "[^/]"],
	[anything("many"), ".*"],
	[{ kind: "directories" }, "(?:.*/)?"],
];

test("Pattern agrees with a backtracking matcher on 20,000 small cases", () => {
	for (let round = 0; round < 20_000; round++) {
		const pieces = Array.from({ length: 1 + pick(6) }, () => PIECES[pick(PIECES.length)] ?? PIECES[0]).flatMap((one) =>
			one ? [one] : [],
		);
		const pattern = new Pattern(pieces.map(([step]) => step));
		const source = pieces.map(([, text]) => text).join("");
		const text = word("ab/", 8);
		expect([source, text, pattern.test(text)]).toEqual([source, text, new RegExp(`^${source}$`, "s").test(text)]);
		const parents = [...text.matchAll(/\/|$/g)].some(({ index }) =>
			new RegExp(`^${source}$`, "s").test(text.slice(0, index)),
		);
		expect([source, text, pattern.testWithParents(text)]).toEqual([source, text, parents]);
		const greedy = new RegExp(source.replace("(?:.*/)?", "a"), "s").exec(text);
		if (!source.includes("(?:")) expect(pattern.find([...text], 0)?.[0]).toBe(greedy?.index);
	}
});

/** Of a glob without classes and escapes. */
function stepsOf(glob: string): Step[] {
	const steps: Step[] = [];
	for (const [piece] of glob.matchAll(/\*\*\/?|[\s\S]/g)) {
		if (piece === "*") steps.push(anyBut("many", "/"));
		else if (piece === "?") steps.push(anyBut("one", "/"));
		else if (piece.startsWith("**")) steps.push({ kind: "directories" });
		else steps.push(literal(piece));
	}
	if (glob.endsWith("**") || glob.endsWith("**/")) steps[steps.length - 1] = anything("many");
	return steps;
}

test("globPattern() says the same by both of its ways", () => {
	for (let round = 0; round < 5000; round++) {
		const glob = word("ab*?/", 6).replace(/\*{3,}/g, "**");
		const text = word("ab/", 7);
		const slow = new Pattern(stepsOf(glob)).test(text);
		expect([glob, text, globPattern(glob).test(text)]).toEqual([glob, text, slow]);
	}
	expect(globPattern("a*b*c").test("aXbYc")).toBe(true);
	expect(globPattern("a*b*c").test("aX/bYc")).toBe(false);
	expect(globPattern("**/*.o").test("x/y/z.o")).toBe(true);
	expect(globPattern("n[a-c]*x*").test("nbzzxzz")).toBe(true);
});

describe("what took years takes no time", () => {
	const long = "a".repeat(200);
	const within = (action: () => unknown): unknown => {
		const began = performance.now();
		const result = action();
		expect(performance.now() - began).toBeLessThan(500);
		return result;
	};

	test("ignore rules and globs", () => {
		const glob = `${"a*".repeat(30)}b`;
		expect(within(() => globPattern(glob).test(long))).toBe(false);
		expect(within(() => globPattern(glob).test(`${long}b`))).toBe(true);
		expect(within(() => new IgnoreRules([glob, `!${glob}`]).ignores(`${long}/${long}/${long}`))).toBe(false);
		expect(within(() => globPattern("**/**/**/**/**/x").test(`${"a/".repeat(1000)}y`))).toBe(false);
		expect(within(() => new IgnoreRules(["*", `!${"**/a*".repeat(20)}/x`]).mayIncludeBelow(long))).toBe(true);
	});

	test("the shell's patterns", () => {
		const pattern = `${"a*".repeat(30)}b`;
		expect(within(() => removePattern(long.repeat(50), pattern, "prefix", true))).toBe(long.repeat(50));
		expect(within(() => removePattern(long.repeat(50), pattern, "suffix", false))).toBe(long.repeat(50));
		expect(within(() => replacePattern(long.repeat(50), pattern, "x", true))).toBe(long.repeat(50));
	});
});

test("the shell's patterns: shortest and longest, leftmost, all, empty", () => {
	expect(removePattern("a.b.c", "*.", "prefix", false)).toBe("b.c");
	expect(removePattern("a.b.c", "*.", "prefix", true)).toBe("c");
	expect(removePattern("a.b.c", ".*", "suffix", false)).toBe("a.b");
	expect(removePattern("a.b.c", ".*", "suffix", true)).toBe("a");
	expect(removePattern("abc", "x", "prefix", true)).toBe("abc");
	expect(removePattern("a*c", "a\\*", "prefix", true)).toBe("c");
	expect(replacePattern("abcabc", "b", "X", false)).toBe("aXcabc");
	expect(replacePattern("abcabc", "b", "X", true)).toBe("aXcaXc");
	expect(replacePattern("abcabc", "b*", "X", true)).toBe("aX");
	expect(replacePattern("a-b-c", "-?", "", true)).toBe("a");
	expect(replacePattern("äöü", "ö", "o", true)).toBe("äoü");
	expect(replacePattern("abc", "", "x", true)).toBe("abc");
});
