import { expect, test } from "bun:test";
import { parseDockerfile } from "../../../src/build/dockerfile/parse.ts";
import { parseDuration } from "../../../src/build/dockerfile/parse-health.ts";
import { planStages } from "../../../src/build/dockerfile/stages.ts";
import { parseChmod } from "../../../src/build/files/mode.ts";
import { cleanPath, contextPath, resolvePath } from "../../../src/build/files/path.ts";
import { parsePort } from "../../../src/build/steps/metadata.ts";
import { CORPUS } from "../../build/corpus.ts";

const none = new Map<string, string>();

for (const { name, dockerfile, fails } of CORPUS) {
	test(`the corpus is parsed: ${name}`, () => {
		if (fails && /parse error|no instructions|Syntax error/.test(fails.source)) {
			expect(() => parseDockerfile(dockerfile)).toThrow();
			return;
		}
		try {
			const file = parseDockerfile(dockerfile);
			expect(file.instructions.length).toBeGreaterThan(0);
		} catch (error) {
			if (!fails) throw error;
		}
	});
}

test("instructions know their lines, also with continuations and heredocs", () => {
	const { instructions } = parseDockerfile("# c\nFROM a\nRUN x \\\n  y\nRUN <<E\n1\n2\nE\nCMD z\n");
	expect(instructions.map(({ range }) => [range.start, range.end])).toEqual([
		[2, 2],
		[3, 4],
		[5, 8],
		[9, 9],
	]);
});

test("FROM finds stages by name, whatever the case, and images otherwise", () => {
	const plan = planStages(parseDockerfile("ARG v=1\nFROM img:$v AS One\nFROM ONE\nFROM scratch\nFROM ctx"), {
		target: "2",
		buildArgs: none,
		platformArgs: none,
		contexts: new Set(["ctx"]),
	});
	expect(plan.stages.map(({ base }) => base)).toEqual([
		{ kind: "image", reference: "img:1" },
		{ kind: "stage", index: 0 },
		{ kind: "scratch" },
		{ kind: "context", name: "ctx" },
	]);
	expect(plan.target.index).toBe(2);
});

test("modes: octal and symbolic", () => {
	expect(parseChmod("0750")(0o100644)).toBe(0o750);
	expect(parseChmod("u=rw,g=r,o=")(0o100777)).toBe(0o640);
	expect(parseChmod("a+X")(0o040600)).toBe(0o711);
	expect(parseChmod("a+X")(0o100600)).toBe(0o600);
	expect(parseChmod("go-w,u+s")(0o100766)).toBe(0o4744);
	expect(() => parseChmod("u=q")).toThrow();
});

test("durations, ports and paths", () => {
	expect(parseDuration("1m30s")).toBe(90e9);
	expect(parseDuration("1.5h")).toBe(5400e9);
	expect(parseDuration("5")).toBeUndefined();
	expect(parsePort("80")).toEqual(["80/tcp"]);
	expect(parsePort("80-82/UDP")).toEqual(["80/udp", "81/udp", "82/udp"]);
	expect(() => parsePort("x")).toThrow();
	expect([cleanPath("a//b/../c/."), cleanPath("/../x"), cleanPath("../x"), cleanPath("")]).toEqual([
		"a/c",
		"/x",
		"../x",
		".",
	]);
	expect([contextPath("../../x"), contextPath("/")]).toEqual(["x", ""]);
	expect(resolvePath("/a/b", "../c")).toBe("/a/c");
});

test("any text is either parsed or refused with an EngineError", () => {
	const pieces = [
		"FROM a",
		"RUN x",
		"COPY",
		"<<E",
		"E",
		"\n",
		" ",
		"\\\n",
		"# escape=`",
		"ENV a=",
		'"',
		"--mount=type=",
		"[",
		'["a"]',
		"$",
		"ARG",
		"ONBUILD ",
		"HEALTHCHECK --interval=1s CMD",
		",",
	];
	for (let round = 0; round < 3000; round++) {
		const text = Array.from({ length: 1 + (round % 12) }, () => pieces[Math.floor(Math.random() * pieces.length)]).join(
			round % 2 ? "" : "\n",
		);
		try {
			parseDockerfile(text);
		} catch (error) {
			expect((error as Error).name).toBe("EngineError");
		}
	}
});
