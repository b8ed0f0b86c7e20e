/** The linter's rules about variables that are not there. Pure. */
import { EngineError } from "../../errors.ts";
import { parseReference } from "../../image/reference/reference.ts";
import { closest } from "./closest.ts";
import type { From, Instruction, StageInstruction } from "./instruction.ts";
import { expandWord } from "./lex.ts";
import { type Finding, found } from "./lint-finding.ts";
import type { ParsedDockerfile } from "./parse.ts";

const PREDEFINED = /^(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT|STAGE)$|_PROXY$/i;

/** Expands a text; what is wrong with it besides is told by the build itself. */
function expanded(
	text: string,
	escapeChar: string,
	lookup: (name: string) => string | undefined,
	onUnset: (name: string) => void,
): string | undefined {
	try {
		return expandWord(text, { escapeChar, lookup, onUnset });
	} catch (error) {
		if (error instanceof EngineError) return undefined;
		throw error;
	}
}

/** Variables of FROM that no ARG before it has; and defaults of ARGs that make no name of an image. */
export function fromVariables(file: ParsedDockerfile): Finding[] {
	const { escapeChar } = file.directives;
	const known = new Map<string, string>();
	const declared = new Set<string>();
	const findings: Finding[] = [];
	let before = true;
	for (const one of file.instructions) {
		if (one.kind === "ARG" && before) {
			for (const { name, value } of one.args) {
				declared.add(name);
				const text =
					value &&
					expanded(
						value,
						escapeChar,
						(other) => known.get(other),
						() => {},
					);
				if (text !== undefined) known.set(name, text);
			}
		}
		if (one.kind !== "FROM") continue;
		before = false; // ARGs after the first FROM belong to stages
		findings.push(...ofFrom(one, escapeChar, known, declared));
	}
	return findings;
}

function ofFrom(
	one: From,
	escapeChar: string,
	known: ReadonlyMap<string, string>,
	declared: ReadonlySet<string>,
): Finding[] {
	const missing = new Set<string>();
	const note = (name: string) => {
		if (!declared.has(name) && !PREDEFINED.test(name)) missing.add(name);
	};
	const image = expanded(one.image, escapeChar, (name) => known.get(name), note);
	expanded(one.platform ?? "", escapeChar, (name) => known.get(name), note);
	if (missing.size > 0) {
		return [...missing].map((name) =>
			found("UndefinedArgInFrom", `FROM argument '${name}' is not declared`, one.range),
		);
	}
	if (!one.image.includes("$") || image === undefined || isImageName(image)) return [];
	const message = `Default value for ARG ${one.image} results in empty or invalid base image name`;
	return [found("InvalidDefaultArgInFrom", message, one.range)];
}

function isImageName(text: string): boolean {
	try {
		parseReference(text);
		return text !== "";
	} catch {
		return false;
	}
}

/** What a stage knows: undefined where its base image is not here, and may bring anything. */
type Known = Map<string, string> | undefined;

/** Variables that nothing before has set: no ARG or ENV of the stage, and no ENV of the image it begins with. */
export function stageVariables(
	file: ParsedDockerfile,
	environmentOf: (image: string) => readonly string[] | undefined,
): Finding[] {
	const { escapeChar } = file.directives;
	const stages = new Map<string, Known>();
	const findings: Finding[] = [];
	let known: Known;
	let globals = new Map<string, string>();
	let inStage = false;
	for (const one of file.instructions) {
		if (one.kind === "FROM") {
			inStage = true;
			const image =
				expanded(
					one.image,
					escapeChar,
					(name) => globals.get(name),
					() => {},
				) ?? "";
			known = stages.has(image.toLowerCase()) ? copy(stages.get(image.toLowerCase())) : fromImage(environmentOf(image));
			if (one.name !== undefined) stages.set(one.name, known);
			continue;
		}
		if (!inStage && one.kind === "ARG") globals = new Map([...globals, ...declarations(one)]);
		if (!inStage || !known) continue;
		findings.push(...undefinedIn(one, escapeChar, known));
		for (const [name, value] of declarations(one)) known.set(name, value);
	}
	return findings;
}

const copy = (known: Known): Known => known && new Map(known);

/** docker adds a PATH to every image that has none. */
const fromImage = (environment: readonly string[] | undefined): Known =>
	environment && new Map(["PATH=", ...environment].map((line) => [line.split("=", 1)[0] ?? "", ""]));

/** Names that are there from the next instruction on. */
function declarations(one: Instruction): [string, string][] {
	if (one.kind === "ARG") return one.args.map(({ name, value }) => [name, value ?? ""]);
	return one.kind === "ENV" ? one.pairs.map(({ name, value }) => [name, value]) : [];
}

function undefinedIn(one: StageInstruction, escapeChar: string, known: ReadonlyMap<string, string>): Finding[] {
	const missing = new Set<string>();
	for (const text of expandedTexts(one)) {
		expanded(
			text,
			escapeChar,
			(name) => known.get(name),
			(name) => missing.add(name),
		);
	}
	return [...missing].map((name) => {
		const near = closest(name, [...known.keys()]);
		const advice = near === undefined ? "" : ` (did you mean $${near}?)`;
		return found("UndefinedVar", `Usage of undefined variable '$${name}'${advice}`, one.range);
	});
}

/** The parts of an instruction in which variables are expanded; RUN's are its shell's. */
function expandedTexts(one: StageInstruction): string[] {
	switch (one.kind) {
		case "ENV":
		case "LABEL":
			return one.pairs.flatMap(({ name, value }) => [name, value]);
		case "ARG":
			return one.args.flatMap(({ value }) => value ?? []);
		case "COPY":
		case "ADD":
			return [...one.sources, one.destination, one.chown ?? "", one.chmod ?? ""];
		case "WORKDIR":
		case "USER":
		case "STOPSIGNAL":
			return [one.value];
		case "EXPOSE":
		case "VOLUME":
			return [...one.values];
		case "RUN":
			return one.mounts.flatMap(({ options }) => Object.values(options));
		default:
			return [];
	}
}
