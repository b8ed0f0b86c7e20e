/**
 * Instructions → stages, and which of them the target needs (Dockerfile reference, "FROM", "Understand how ARG and FROM
 * interact"). Pure: no image is looked up.
 */
import { EngineError } from "../../errors.ts";
import { didYouMean } from "./closest.ts";
import type { Arg, From, Instruction, StageInstruction } from "./instruction.ts";
import { expandWord } from "./lex.ts";
import { DockerfileError, type Range } from "./lines.ts";
import type { ParsedDockerfile } from "./parse.ts";

/** Where files come from: the root of a stage, an image, a named context, or nothing. */
export type Source =
	| { readonly kind: "scratch" }
	| { readonly kind: "stage"; readonly index: number }
	| { readonly kind: "image"; readonly reference: string }
	| { readonly kind: "context"; readonly name: string };

export interface Stage {
	readonly index: number;
	/** Lower case; undefined: it has none. */
	readonly name: string | undefined;
	readonly from: From;
	readonly base: Source;
	/** `--platform` of FROM, expanded. */
	readonly platform: string | undefined;
	readonly instructions: readonly StageInstruction[];
}

export interface StagePlan {
	readonly stages: readonly Stage[];
	readonly target: Stage;
	/** Values of the ARGs before the first FROM. */
	readonly globalArgs: ReadonlyMap<string, string>;
	/** TARGETPLATFORM and its family, TARGETSTAGE among them. */
	readonly automatic: ReadonlyMap<string, string>;
	readonly escapeChar: string;
}

export interface StageOptions {
	/** undefined: the last stage. */
	readonly target: string | undefined;
	readonly buildArgs: ReadonlyMap<string, string>;
	/** TARGETPLATFORM and its family, for this platform. */
	readonly platformArgs: ReadonlyMap<string, string>;
	/** Names given by --build-context. */
	readonly contexts: ReadonlySet<string>;
}

export function planStages(file: ParsedDockerfile, options: StageOptions): StagePlan {
	const first = file.instructions.findIndex(({ kind }) => kind === "FROM");
	if (first < 0) {
		const stray = file.instructions.find(({ kind }) => kind !== "ARG");
		if (stray) throw new DockerfileError("no build stage in current context", stray.range);
		throw new EngineError("invalid", "dockerfile contains no stages to build");
	}
	const { escapeChar } = file.directives;
	const automatic = new Map([...options.platformArgs, ["TARGETSTAGE", targetName(file, options.target)]]);
	const globalArgs = readGlobalArgs(file.instructions.slice(0, first), escapeChar, {
		...options,
		platformArgs: automatic,
	});
	const lookup = (name: string) => globalArgs.get(name) ?? automatic.get(name);
	const stages: Stage[] = [];
	const scope = { lookup, escapeChar, contexts: options.contexts };
	let own: StageInstruction[] = [];
	for (const instruction of file.instructions.slice(first)) {
		if (instruction.kind === "FROM") {
			own = [];
			stages.push(makeStage(instruction, stages, own, scope));
		} else own.push(instruction);
	}
	return { stages, target: findTarget(stages, options.target), globalArgs, automatic, escapeChar };
}

/** What is asked for, or the last stage. */
function targetName(file: ParsedDockerfile, wanted: string | undefined): string {
	if (wanted) return wanted;
	const last = file.instructions.findLast((one) => one.kind === "FROM");
	return last?.kind === "FROM" ? (last.name ?? "") : "";
}

function readGlobalArgs(
	instructions: readonly Instruction[],
	escapeChar: string,
	{ buildArgs, platformArgs }: StageOptions,
): Map<string, string> {
	const values = new Map<string, string>();
	const lookup = (name: string) => values.get(name) ?? platformArgs.get(name);
	for (const instruction of instructions) {
		if (instruction.kind !== "ARG") {
			throw new DockerfileError("no build stage in current context", instruction.range);
		}
		for (const { name, value } of expandArgs(instruction, escapeChar, lookup)) {
			const chosen = buildArgs.get(name) ?? value() ?? platformArgs.get(name);
			if (chosen !== undefined) values.set(name, chosen);
		}
	}
	return values;
}

/** Names of ARG, and default values, which are expanded when they are asked for: one that is overridden counts for nothing. */
export function expandArgs({ args }: Arg, escapeChar: string, lookup: (name: string) => string | undefined) {
	return args.map(({ name, value }) => ({
		name: expandWord(name, { escapeChar, lookup }),
		value: () => (value === undefined ? undefined : expandWord(value, { escapeChar, lookup })),
	}));
}

function makeStage(
	from: From,
	before: readonly Stage[],
	instructions: readonly StageInstruction[],
	scope: { lookup: (name: string) => string | undefined; escapeChar: string; contexts: ReadonlySet<string> },
): Stage {
	const { lookup, escapeChar, contexts } = scope;
	const image = located(from.range, () => expandWord(from.image, { escapeChar, lookup }));
	if (image === "") {
		throw new DockerfileError(`base name (${from.image}) should not be blank`, from.range);
	}
	const platform = from.platform && located(from.range, () => expandWord(from.platform ?? "", { escapeChar, lookup }));
	const found = before.findLast((stage) => stage.name === image.toLowerCase());
	const named = found ? ({ kind: "stage", index: found.index } as const) : undefined;
	const base: Source =
		named ??
		(contexts.has(image.toLowerCase())
			? { kind: "context", name: image.toLowerCase() }
			: image === "scratch"
				? { kind: "scratch" }
				: { kind: "image", reference: image });
	return { index: before.length, name: from.name, from, base, platform: platform || undefined, instructions };
}

function findTarget(stages: readonly Stage[], wanted: string | undefined): Stage {
	const byName = wanted === undefined ? stages.at(-1) : stages.findLast((stage) => stage.name === wanted.toLowerCase());
	const found = byName ?? (/^\d+$/.test(wanted ?? "") ? stages[Number(wanted)] : undefined);
	if (found) return found;
	const names = stages.flatMap(({ name }) => name ?? []);
	throw new EngineError("invalid", `target stage "${wanted}" could not be found${didYouMean(wanted ?? "", names)}`);
}

/** What `--from` names for a stage: a stage before it, by name or number, a named context, or an image. */
export function resolveSource(plan: StagePlan, stage: Stage, name: string, contexts: ReadonlySet<string>): Source {
	const lower = name.toLowerCase();
	if (contexts.has(lower)) return { kind: "context", name: lower };
	if (/^\d+$/.test(name)) {
		const index = Number(name);
		if (index < stage.index) return { kind: "stage", index };
		throw new EngineError("invalid", `invalid stage index ${name}: it must be one before this stage`);
	}
	const found = plan.stages.slice(0, stage.index).findLast((other) => other.name === lower);
	if (found) return { kind: "stage", index: found.index };
	if (stage.name === lower) {
		throw new EngineError("invalid", `circular dependency detected on stage: ${name}`);
	}
	const later = plan.stages.find((other) => other.name === lower);
	if (later) {
		throw new EngineError(
			"invalid",
			`cannot copy from stage "${name}", it needs to be defined before current stage "${stage.name ?? stage.index}"`,
		);
	}
	return name === "scratch" ? { kind: "scratch" } : { kind: "image", reference: name };
}

/** `--from` names in the text of a stage. */
export function sourceNames(instruction: StageInstruction): string[] {
	if (instruction.kind === "COPY") return instruction.from === undefined ? [] : [instruction.from];
	if (instruction.kind !== "RUN") return [];
	return instruction.mounts.flatMap(({ options }) => (options["from"] ? [options["from"]] : []));
}

/** Adds the place to a mistake found later. */
export function located<T>(range: Range, action: () => T): T {
	try {
		return action();
	} catch (error) {
		if (error instanceof DockerfileError || !(error instanceof EngineError)) throw error;
		throw new DockerfileError(error.message, range);
	}
}
