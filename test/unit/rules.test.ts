/** The rules of the layout (ARCHITECTURE.md): ranks, rooms, circles, import bans, file length, forbidden words. */
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
	"src/image/layer/unpack.ts": 330,
	"src/build/dockerfile/parse.ts": 260,
	"native/monitor.c": 380,
	"native/ops_mount.c": 300,
};

const files = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: ROOT })].sort();
const text = (file: string): string => readFileSync(`${ROOT}/${file}`, "utf8");
const folderOf = (file: string): string => /^src\/([^/]+)\//.exec(file)?.[1] ?? "";
const importsOf = (file: string): string[] =>
	[...text(file).matchAll(/(?:from|import\(|import|require\()\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
/** The files of src/ that a file names, types included. */
const neighbours = (file: string): string[] =>
	importsOf(file)
		.filter((path) => path.startsWith("."))
		.map((path) => normalize(join(dirname(file), path)))
		.filter((target) => target.startsWith("src/"));

test("a file imports its own folder, lower ranks and rank 0", () => {
	const wrong: string[] = [];
	for (const file of files) {
		const folder = folderOf(file);
		if (file === "src/main.ts") continue;
		for (const target of neighbours(file)) {
			const other = folderOf(target);
			if (other !== folder && (RANKS[other] ?? 0) >= (RANKS[folder] ?? 0)) wrong.push(`${file} imports ${target}`);
		}
	}
	expect(wrong).toEqual([]);
});

/** Rooms of a folder in their order, lowest first, as ARCHITECTURE.md has it; "" is what lies in the folder itself. */
function roomsOf(folder: string): string[] {
	const row = new RegExp(`^\\| \`src/${folder}\` \\| (.*) \\|$`, "m").exec(
		text("ARCHITECTURE.md").split("## Rooms")[1] ?? "",
	);
	return [...(row?.[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => (name.endsWith(".ts") ? "" : name));
}
const MAX_FILES = 25;

test("a file opens what lies in its own room or in those below", () => {
	const wrong: string[] = [];
	for (const folder of ["cli", "engine", "build", "image"]) {
		const order = roomsOf(folder);
		const roomOf = (file: string): number =>
			order.indexOf(new RegExp(`^src/${folder}/(?:([^/]+)/)?[^/]+$`).exec(file)?.[1] ?? "");
		for (const file of files.filter((name) => folderOf(name) === folder)) {
			if (roomOf(file) < 0) wrong.push(`${file} is in a room that ARCHITECTURE.md does not name`);
			for (const target of neighbours(file)) {
				if (folderOf(target) === folder && roomOf(target) > roomOf(file)) wrong.push(`${file} opens ${target}`);
			}
		}
	}
	expect(wrong).toEqual([]);
});

test("no corridor has more than some twenty-five doors", () => {
	const corridors = Map.groupBy(files, (file) => dirname(file));
	expect([...corridors].filter(([, inside]) => inside.length > MAX_FILES).map(([path]) => path)).toEqual(["src/sys"]);
});

/** The members of each circle of a graph: those that can be reached from themselves. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
	const reaches = (from: string): boolean => {
		const seen = new Set<string>();
		const next = [...(graph.get(from) ?? [])];
		for (let at = next.pop(); at !== undefined; at = next.pop()) {
			if (at === from) return true;
			if (seen.has(at)) continue;
			seen.add(at);
			next.push(...(graph.get(at) ?? []));
		}
		return false;
	};
	return [...graph.keys()].filter(reaches);
}

test("no file needs one that needs it, types included", () => {
	expect(circles(new Map(files.map((file) => [file, neighbours(file)])))).toEqual([]);
});

test("no .c needs one that needs it: headers may declare what all share", () => {
	for (const folder of ["native", "native/start"]) {
		const sources = [...new Bun.Glob(`${folder}/*.c`).scanSync({ cwd: ROOT })];
		const bare = (file: string) => text(file).replace(/\/\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"/g, "");
		/** Functions begin at the first column, and have their name before a parenthesis. */
		const defines = new Map(
			sources.flatMap((file) =>
				[...bare(file).matchAll(/^(?!static|typedef)[a-z][\w *]*?\b(\w+)\([^;]*?\)\s*\{/gm)].map(
					([, name = ""]) => [name, file] as const,
				),
			),
		);
		const uses = sources.map((file) => {
			const words = new Set(bare(file).match(/\b\w+(?=\()|\bop_\w+/g));
			const needed = [...words].flatMap((word) => defines.get(word) ?? []).filter((other) => other !== file);
			return [file, needed] as const;
		});
		expect(defines.size).toBeGreaterThan(10);
		expect(circles(new Map(uses))).toEqual([]);
	}
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
	expect(wrong).toEqual([
		"src/build/steps/remote.ts",
		"src/image/embedded/make-embedded.ts",
		"src/registry/credentials.ts",
	]);
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
