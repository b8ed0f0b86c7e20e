/** `build --check` and `--call`: what can be told of a Dockerfile without building it. */
import { findingsAreErrors, lint } from "../../build/dockerfile/lint.ts";
import type { Finding } from "../../build/dockerfile/lint-finding.ts";
import type { Engine } from "../../engine/engine.ts";
import { configOf, findImage } from "../../engine/image/find.ts";
import { EngineError } from "../../errors.ts";
import type { ImageRecord } from "../../store/images.ts";
import { print } from "../output/output.ts";
import { renderTable } from "../output/table.ts";
import type { BuildInputs } from "./context.ts";
import { excerpt } from "./failure.ts";
import type { BuildFlags } from "./flags.ts";

/** What the linter finds; images that are here tell what they bring. */
export const findingsOf = (engine: Engine, { dockerfile, context }: BuildInputs): Finding[] =>
	lint(dockerfile, {
		ignore: context.ignore,
		environmentOf: (image) => {
			if (image === "scratch") return [];
			const record = findImageQuietly(engine, image);
			return record && (configOf(record).config?.Env ?? []);
		},
	});

function findImageQuietly(engine: Engine, image: string): ImageRecord | undefined {
	try {
		return findImage(engine, image);
	} catch {
		return undefined; // no name of an image: the build will say so
	}
}

/** As buildx tells of them at the end of a build. */
export function summary(findings: readonly Finding[]): string {
	const count = findings.length;
	const lines = findings.map(({ rule, message, range }) => ` - ${rule}: ${message} (line ${range.start})\n`);
	return count === 0
		? ""
		: `\n ${count} warning${count > 1 ? "s" : ""} found (use --check to expand):\n${lines.join("")}`;
}

/** Throws where the Dockerfile itself says that its findings are errors. */
export function refuseFindings({ dockerfile }: BuildInputs, findings: readonly Finding[]): void {
	if (findings.length === 0 || !findingsAreErrors(dockerfile)) return;
	const rules = [...new Set(findings.map(({ rule }) => rule))].sort().join(", ");
	throw new EngineError("invalid", `lint violation found for rules: ${rules}`);
}

export function checkDockerfile(engine: Engine, inputs: BuildInputs, flags: BuildFlags): number {
	const call = flags.check ? "check" : flags.call;
	if (call === "targets") return showTargets(inputs);
	if (call === "outline") return showOutline(inputs, flags.target);
	const findings = findingsOf(engine, inputs);
	for (const { rule, message, range } of findings) {
		const page = rule.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "-").toLowerCase();
		print(`\nWARNING: ${rule} - https://docs.docker.com/go/dockerfile/rule/${page}/\n${message}\n`);
		print(excerpt(inputs.dockerfileName, inputs.dockerfileText, range));
	}
	const count = findings.length;
	print(
		count === 0
			? "Check complete, no warnings found.\n"
			: `\nCheck complete, ${count} warning${count > 1 ? "s have" : " has"} been found!\n`,
	);
	return count > 0 ? 1 : 0;
}

/** "# NAME text" above a stage or argument describes it. */
const description = (comment: string, name: string): string =>
	comment.toLowerCase().startsWith(`${name.toLowerCase()} `) ? comment.slice(name.length + 1) : "";

function showTargets({ dockerfile }: BuildInputs): number {
	const stages = dockerfile.instructions.filter((one) => one.kind === "FROM");
	const rows = stages.map((from, i) => {
		const name = from.name ?? "";
		const last = i === stages.length - 1 ? " (default)" : "";
		return [`${name || `${i}`}${last}`, description(from.comment, name)];
	});
	print(renderTable(["TARGET", "DESCRIPTION"], rows));
	return 0;
}

function showOutline({ dockerfile }: BuildInputs, target: string | undefined): number {
	const stages = dockerfile.instructions.filter((one) => one.kind === "FROM");
	const stage = target === undefined ? stages.at(-1) : stages.find(({ name }) => name === target.toLowerCase());
	if (!stage) throw new EngineError("usage", `target stage "${target}" could not be found`);
	print(`TARGET:      ${stage.name ?? "default"}\n`);
	const text = description(stage.comment, stage.name ?? "");
	if (text) print(`DESCRIPTION: ${text}\n`);
	const args = dockerfile.instructions.flatMap((one) =>
		one.kind === "ARG" ? one.args.map(({ name, value }) => [name, value ?? "", description(one.comment, name)]) : [],
	);
	if (args.length) print(`\n${renderTable(["BUILD ARG", "VALUE", "DESCRIPTION"], args)}`);
	const mounts = dockerfile.instructions.flatMap((one) => (one.kind === "RUN" ? one.mounts : []));
	for (const [type, title] of [
		["secret", "SECRET"],
		["ssh", "SSH"],
	] as const) {
		const rows = mounts
			.filter((mount) => mount.type === type)
			.map(({ options }) => [options["id"] ?? "default", /^(true|1)$/i.test(options["required"] ?? "") ? "true" : ""]);
		if (rows.length) print(`\n${renderTable([title, "REQUIRED"], rows)}`);
	}
	return 0;
}
