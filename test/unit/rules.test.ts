/** The rules of the layout (ARCHITECTURE.md): ranks, import bans, file length, forbidden words. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = `${import.meta.dir}/../..`;
const RANKS: Readonly<Record<string, number>> = {
	cli: 6,
	engine: 5,
	boot: 4,
	build: 4,
	image: 3,
	network: 3,
	runtime: 3,
	registry: 2,
	store: 2,
	cgroup: 2,
	security: 2,
	sys: 1,
};
const MAX_LINES = 250;
/** Tables and option lists, which a split would not make clearer. */
const LONGER: Readonly<Record<string, number>> = {
	"src/runtime/operation-texts.ts": 260,
	"src/image/unpack.ts": 350,
	"src/build/lint.ts": 280,
	"src/build/parse.ts": 260,
	"native/monitor.c": 430,
	"native/ops_mount.c": 350,
	"native/stdio.c": 280,
	"native/ops_process.c": 260,
};

const files = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })].sort();
const text = (file: string): string => readFileSync(`${ROOT}/${file}`, "utf8");
const folderOf = (file: string): string => /^src\/([^/]+)\//.exec(file)?.[1] ?? "";
const importsOf = (file: string): string[] =>
	[...text(file).matchAll(/(?:from|import\(|import)\s*"([^"]+)"/g)].map((match) => match[1] ?? "");

test("a file imports its own folder, lower ranks and rank 0", () => {
	const wrong: string[] = [];
	for (const file of files) {
		const folder = folderOf(file);
		for (const path of importsOf(file).filter((name) => name.startsWith("."))) {
			const target = normalize(join(dirname(file), path));
			if (target.startsWith("build/") || file === "src/main.ts") continue;
			const other = folderOf(target);
			if (other !== folder && (RANKS[other] ?? 0) >= (RANKS[folder] ?? 0)) wrong.push(`${file} imports ${target}`);
		}
	}
	expect(wrong).toEqual([]);
});

const only = (module: string, folder: string) =>
	files.filter((file) => importsOf(file).includes(module) && folderOf(file) !== folder);

test("only sys imports bun:ffi, only store bun:sqlite, only cli citty", () => {
	expect([only("bun:ffi", "sys"), only("bun:sqlite", "store"), only("citty", "cli")]).toEqual([[], [], []]);
});

test("only cli ends the process", () => {
	const wrong = files.filter((file) => folderOf(file) !== "cli" && /\bprocess\.exit\(|\bexitNow\(/.test(text(file)));
	expect(wrong).toEqual(["src/sys/process.ts"]); // where exitNow is made
});

test("the engine calls no program but a credential helper and git", () => {
	const wrong = files.filter((file) => /Bun\.spawn|child_process|Bun\.\$/.test(text(file)));
	// git for contexts that are repositories, if it is there; make-embedded runs when this program is built.
	expect(wrong).toEqual(["src/build/remote.ts", "src/image/make-embedded.ts", "src/registry/credentials.ts"]);
});

test("files are short and say what they are", () => {
	const wrong: string[] = [];
	for (const file of [...files, ...new Bun.Glob("native/*.[ch]").scanSync({ cwd: ROOT })]) {
		const lines = text(file).split("\n").length;
		if (lines > (LONGER[file] ?? MAX_LINES)) wrong.push(`${file} has ${lines} lines`);
		if (!/^\/\*/.test(text(file))) wrong.push(`${file} does not begin with what it is`);
	}
	expect(wrong).toEqual([]);
});

test("names are ideas, and nothing is left for later", () => {
	expect(files.filter((file) => /\/(utils?|common|helpers?|managers?|misc|index)\.ts$/.test(file))).toEqual([]);
	expect(files.filter((file) => /\b(TODO|FIXME|XXX)\b/.test(text(file)))).toEqual([]);
});

test("operations have the same numbers in C and TypeScript", async () => {
	const { OPCODES } = await import("../../src/runtime/operations.ts");
	const header = text("native/plan.h");
	for (const [name, number] of Object.entries(OPCODES)) {
		const constant = `OP_${name.toUpperCase().replaceAll("-", "_")}`;
		const spelled = constant.replace(/^OP_WRITE$/, "OP_WRITE_FILE");
		expect(`${spelled} = ${/\d+/.exec(new RegExp(`\\b${spelled} = (\\d+)`).exec(header)?.[0] ?? "")?.[0]}`).toBe(
			`${spelled} = ${number}`,
		);
	}
});

test("the documents name only files that exist", () => {
	const { existsSync } = require("node:fs") as typeof import("node:fs");
	const wrong: string[] = [];
	for (const document of [
		"README.md",
		"README.zh-CN.md",
		"ARCHITECTURE.md",
		...new Bun.Glob("docs/*.md").scanSync({ cwd: ROOT }),
	]) {
		for (const [, path = ""] of text(document).matchAll(/`((?:src|native|test|docs|bench)\/[\w./-]+\.\w+)`/g)) {
			if (!existsSync(`${ROOT}/${path}`)) wrong.push(`${document}: ${path}`);
		}
	}
	expect(wrong).toEqual([]);
});
