import { expect, test } from "bun:test";
import { globPattern } from "../../../src/build/files/glob.ts";
import { IgnoreRules, parseIgnoreFile } from "../../../src/build/files/ignore.ts";

const ignored = (file: string, ...paths: string[]): string[] => {
	const rules = new IgnoreRules(parseIgnoreFile(file));
	return paths.filter((path) => rules.ignores(path));
};

test.each([
	["*.log", ["a.log", "a/b.log"], ["a.log"]],
	["x/*.md\n!x/keep.md", ["x/a.md", "x/keep.md"], ["x/a.md"]],
	["*\n!README.md", ["a", "a/README.md", "README.md"], ["a", "a/README.md"]],
	["x\n!x/keep.md", ["x", "x/a", "x/keep.md"], ["x", "x/a"]],
	["**/*.o\n!**/k.o", ["a.o", "b/c.o", "b/k.o"], ["a.o", "b/c.o"]],
	["/foo/", ["foo", "foo/a", "b/foo"], ["foo", "foo/a"]],
	["a[b-d]e", ["abe", "axe"], ["abe"]],
	["foo/**", ["foo", "foo/a/b"], ["foo/a/b"]],
	["**", ["a", "b/c"], ["a", "b/c"]],
	["# c\n\n!b\nb", ["b"], ["b"]],
	["*/temp*", ["somedir/temporary.txt", "somedir/temp", "temp"], ["somedir/temporary.txt", "somedir/temp"]],
	["temp?", ["tempa", "tempb", "tempab"], ["tempa", "tempb"]],
	["*.md\nREADME-secret.md\n!README*.md", ["a.md", "README-secret.md"], ["a.md"]],
] as const)("ignore file %j", (file, paths, expected) => {
	expect(ignored(file, ...paths)).toEqual([...expected]);
});

test("a directory is looked into only where something in it may be wanted", () => {
	const rules = new IgnoreRules(parseIgnoreFile("node_modules\n!node_modules/keep/**\nother"));
	expect(rules.mayIncludeBelow("node_modules")).toBe(true);
	expect(rules.mayIncludeBelow("node_modules/no")).toBe(false);
	expect(rules.mayIncludeBelow("other")).toBe(false);
});

test("patterns are Go's: classes, escapes, no slash in *", () => {
	expect(globPattern("a\\*b").test("a*b")).toBe(true);
	expect(globPattern("a\\*b").test("axb")).toBe(false);
	expect(globPattern("[^a]x").test("bx")).toBe(true);
	expect(globPattern("[a-c]/d").test("b/d")).toBe(true);
	expect(globPattern("a*c").test("a/c")).toBe(false);
	expect(globPattern("a.c").test("abc")).toBe(false);
	expect(() => globPattern("[a")).toThrow();
	expect(() => globPattern("a\\")).toThrow();
});
