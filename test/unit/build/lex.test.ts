import { expect, test } from "bun:test";
import { expandWord, expandWords } from "../../../src/build/dockerfile/lex.ts";

const values: Readonly<Record<string, string>> = { a: "1", p: "foo.tar.gz", empty: "", two: "x y" };
const lexing = { escapeChar: "\\", lookup: (name: string) => values[name] };

test("words are split at blanks that nothing protects", () => {
	expect(expandWords('a \'b c\' "d e" f\\ g "" ', lexing)).toEqual(["a", "b c", "d e", "f g", ""]);
	expect(expandWords('$two "$two" $nope', lexing)).toEqual(["x", "y", "x y"]);
});

test.each([
	["$a-${a}b", "1-1b"],
	["'$a' \\$a", "$a $a"],
	['"\\$a \\x"', "$a \\x"],
	["${empty:-d}${empty-d}|${nope:-d}${nope-d}", "d|dd"],
	["${a:+y}${empty:+y}|${empty+y}${nope+y}", "y|y"],
	["${p%.*} ${p%%.*} ${p#*.} ${p##*.}", "foo.tar foo tar.gz gz"],
	["${p/o/0} ${p//o/0} ${p/x/y}", "f0o.tar.gz f00.tar.gz foo.tar.gz"],
	["${nope:-${p%.gz}}", "foo.tar"],
	["$ $1 ${two}", "$  x y"],
])("expandWord() of %s", (text, expected) => {
	expect(expandWord(text, lexing)).toBe(expected);
});

test.each([["'open"], ['"open'], ["${open"], ["${}"], ["${a:=b}"], ["${nope:?gone}"]])("%s is refused", (text) => {
	expect(() => expandWord(text, lexing)).toThrow();
});

test("verbatim keeps variables, whatever is in them", () => {
	const verbatim = { ...lexing, verbatim: true, rawQuotes: true, rawEscapes: true };
	expect(expandWords("a=${x:-b c} 'd e'=$f g\\ h", verbatim)).toEqual(["a=${x:-b c}", "'d e'=$f", "g\\ h"]);
});

test("any text is either read or refused with an EngineError, and quoting protects any value", () => {
	const alphabet = "ab $\"'\\{}:-+?#%/ \t*";
	for (let round = 0; round < 5000; round++) {
		const text = Array.from(
			{ length: 1 + (round % 17) },
			() => alphabet[Math.floor(Math.random() * alphabet.length)],
		).join("");
		try {
			expandWords(text, lexing);
		} catch (error) {
			expect((error as Error).name).toBe("EngineError");
		}
		const plain = text.replaceAll("'", "");
		expect(expandWord(`'${plain}'`, lexing)).toBe(plain);
	}
});
