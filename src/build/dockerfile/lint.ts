/** Checks of a Dockerfile that can be made without building: BuildKit's rules, by their names. Pure. */

import type { IgnoreRules } from "../files/ignore.ts";
import { contextPath } from "../files/path.ts";
import type { CommandInstruction, Copy, From, Instruction, Pairs } from "./instruction.ts";
import type { Range } from "./lines.ts";
import { DESCRIPTIONS, descriptions } from "./lint-descriptions.ts";
import { type Finding, found } from "./lint-finding.ts";
import { fromVariables, stageVariables } from "./lint-variables.ts";
import type { ParsedDockerfile } from "./parse.ts";

interface Stage {
	readonly from: From;
	readonly instructions: Instruction[];
}

export interface LintOptions {
	/** What of the context is left out. */
	readonly ignore: IgnoreRules;
	/** The environment that an image brings; undefined: it is not known here. */
	readonly environmentOf: (image: string) => readonly string[] | undefined;
}

/** Rules that `# check=skip=` names are left out, those of `experimental=` are added; "all" is all of them. */
export function lint(file: ParsedDockerfile, { ignore, environmentOf }: LintOptions): Finding[] {
	const skipped = named(file, "skip");
	const experimental = named(file, "experimental");
	if (skipped.has("all")) return [];
	const stages = stagesOf(file.instructions);
	const tried = experimental.has("all") || experimental.has(DESCRIPTIONS);
	return [
		...(tried ? descriptions(file.instructions) : []),
		...casing(file),
		...file.emptyContinuations.map((range) => found("NoEmptyContinuation", "Empty continuation line", range)),
		...stageNames(stages),
		...stages.flatMap((stage) => inStage(stage, ignore)),
		...fromVariables(file),
		...stageVariables(file, environmentOf),
	]
		.filter(({ rule }) => !skipped.has(rule))
		.sort((a, b) => a.range.start - b.range.start);
}

/** The words of one option of `# check=a=x,y;b=z`. */
const named = (file: ParsedDockerfile, option: string): Set<string> =>
	new Set(
		new RegExp(`${option}=([^;]*)`)
			.exec(file.directives.check ?? "")?.[1]
			?.split(",")
			.map((name) => name.trim()),
	);

/** `# check=error=true`: findings fail a build. */
export const findingsAreErrors = (file: ParsedDockerfile): boolean => /error=true/i.test(file.directives.check ?? "");

function stagesOf(instructions: readonly Instruction[]): Stage[] {
	const stages: Stage[] = [];
	for (const instruction of instructions) {
		if (instruction.kind === "FROM") stages.push({ from: instruction, instructions: [] });
		else stages.at(-1)?.instructions.push(instruction);
	}
	return stages;
}

/** The word as it is written, not as it was read. */
const written = (file: ParsedDockerfile, { start }: Range): string =>
	/\S+/.exec(file.source[start - 1] ?? "")?.[0] ?? "";

function casing(file: ParsedDockerfile): Finding[] {
	const words = file.instructions.map((one) => ({ word: written(file, one.range), range: one.range }));
	const upper = words.filter(({ word }) => word === word.toUpperCase()).length;
	const lower = words.filter(({ word }) => word === word.toLowerCase()).length;
	const wanted = lower > upper ? "lowercase" : "uppercase";
	const findings = words
		.filter(({ word }) => word !== (lower > upper ? word.toLowerCase() : word.toUpperCase()))
		.map(({ word, range }) =>
			found(
				"ConsistentInstructionCasing",
				`Command '${word}' should match the case of the command majority (${wanted})`,
				range,
			),
		);
	for (const one of file.instructions) {
		if (one.kind !== "FROM") continue;
		const [, keyword = "", as] = /^\s*(\S+)\s.*?\s(as)\s+\S+\s*$/i.exec(file.source[one.range.start - 1] ?? "") ?? [];
		const isUpper = (text: string) => text === text.toUpperCase();
		if (as !== undefined && isUpper(as) !== isUpper(keyword)) {
			findings.push(found("FromAsCasing", `'${as}' and '${keyword}' keywords' casing do not match`, one.range));
		}
		const name = /\sas\s+(\S+)\s*$/i.exec(file.source[one.range.start - 1] ?? "")?.[1];
		if (name !== undefined && name !== name.toLowerCase()) {
			findings.push(found("StageNameCasing", `Stage name '${name}' should be lowercase`, one.range));
		}
	}
	return findings;
}

const RESERVED = new Set(["scratch", "context"]);

function stageNames(stages: readonly Stage[]): Finding[] {
	const seen = new Set<string>();
	return stages.flatMap(({ from }) => {
		const { name, range } = from;
		if (name === undefined) return [];
		const findings: Finding[] = [];
		if (seen.has(name)) {
			findings.push(found("DuplicateStageName", `Duplicate stage name "${name}", stage names should be unique`, range));
		}
		if (RESERVED.has(name)) {
			findings.push(
				found("ReservedStageName", `Stage name should not use the same name as reserved stage "${name}"`, range),
			);
		}
		seen.add(name);
		return findings;
	});
}

function inStage({ from, instructions }: Stage, ignore: IgnoreRules): Finding[] {
	const findings: Finding[] = platformOf(from);
	let workdirIsSet = false;
	const shells = instructions.some(({ kind }) => kind === "SHELL");
	for (const one of instructions) {
		if (one.kind === "MAINTAINER") {
			findings.push(
				found("MaintainerDeprecated", "Maintainer instruction is deprecated in favor of using label", one.range),
			);
		}
		if (one.kind === "WORKDIR") {
			const absolute = /^["']?(\/|\$)/.test(one.value);
			if (!absolute && !workdirIsSet) {
				findings.push(
					found(
						"WorkdirRelativePath",
						`Relative workdir "${one.value}" can have unexpected results if the base image changes`,
						one.range,
					),
				);
			}
			workdirIsSet = true;
		}
		if ((one.kind === "CMD" || one.kind === "ENTRYPOINT") && one.command.shell && !shells && one.command.args.length) {
			findings.push(
				found(
					"JSONArgsRecommended",
					`JSON arguments recommended for ${one.kind} to prevent unintended behavior related to OS signals`,
					one.range,
				),
			);
		}
		if ((one.kind === "ENV" || one.kind === "LABEL") && one.legacy) findings.push(legacyPair(one));
		if (one.kind === "ENV" || one.kind === "ARG") findings.push(...secrets(one));
		if (one.kind === "EXPOSE") findings.push(...ports(one.values, one.range));
		if ((one.kind === "COPY" || one.kind === "ADD") && one.kind === "COPY" && one.from === undefined) {
			findings.push(...ignored(one, ignore));
		}
	}
	return [...findings, ...repeated(instructions)];
}

function platformOf({ platform, range }: From): Finding[] {
	if (platform === undefined) return [];
	if (/^\$\{?TARGETPLATFORM\}?$/.test(platform)) {
		return [
			found(
				"RedundantTargetPlatform",
				`Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
				range,
			),
		];
	}
	if (platform.includes("$")) return [];
	return [
		found("FromPlatformFlagConstDisallowed", `FROM --platform flag should not use constant value "${platform}"`, range),
	];
}

const legacyPair = ({ kind, range }: Pairs): Finding =>
	found(
		"LegacyKeyValueFormat",
		`"${kind} key=value" should be used instead of legacy "${kind} key value" format`,
		range,
	);

const SECRET_WORD = /(^|_)(apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(_|$)/i;
const NO_SECRET = /(^|_)public(_|$)/i;

function secrets(one: Extract<Instruction, { kind: "ENV" | "LABEL" | "ARG" }>): Finding[] {
	const names = one.kind === "ARG" ? one.args.map(({ name }) => name) : one.pairs.map(({ name }) => name);
	return names
		.filter((name) => SECRET_WORD.test(name) && !NO_SECRET.test(name))
		.map((name) =>
			found(
				"SecretsUsedInArgOrEnv",
				`Do not use ARG or ENV instructions for sensitive data (${one.kind} "${name}")`,
				one.range,
			),
		);
}

function ports(values: readonly string[], range: Range): Finding[] {
	return values.flatMap((value) => {
		const protocol = /\/(\w+)$/.exec(value)?.[1] ?? "";
		if (value.includes(":")) {
			return [
				found(
					"ExposeInvalidFormat",
					`EXPOSE instruction should not define an IP address or host-port mapping, found '${value}'`,
					range,
				),
			];
		}
		return protocol === protocol.toLowerCase()
			? []
			: [found("ExposeProtoCasing", `Defined protocol '${value}' in EXPOSE instruction should be lowercase`, range)];
	});
}

function ignored(one: Copy, ignore: IgnoreRules): Finding[] {
	return one.sources
		.filter((source) => !/[*?[$]/.test(source))
		.map(contextPath)
		.filter((path) => path !== "" && ignore.ignores(path) && !ignore.mayIncludeBelow(path))
		.map((path) =>
			found("CopyIgnoredFile", `Attempting to COPY file "${path}" that is excluded by .dockerignore`, one.range),
		);
}

/** Of these only the last counts. */
function repeated(instructions: readonly Instruction[]): Finding[] {
	return (["CMD", "ENTRYPOINT", "HEALTHCHECK"] as const).flatMap((kind) => {
		const all = instructions.filter((one): one is CommandInstruction => one.kind === kind);
		return all
			.slice(0, -1)
			.map(({ range }) =>
				found(
					"MultipleInstructionsDisallowed",
					`Multiple ${kind} instructions should not be used in the same stage because only the last one will be used`,
					range,
				),
			);
	});
}
