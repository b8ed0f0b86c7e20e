/** `build --check` and `--call`: what can be told of a Dockerfile without building it. */
import { findingsAreErrors, lint } from "../build/lint.ts";
import { EngineError } from "../errors.ts";
import type { BuildInputs } from "./build-context.ts";
import { excerpt } from "./build-failure.ts";
import type { BuildFlags } from "./build-flags.ts";
import { print } from "./output.ts";
import { renderTable } from "./table.ts";

export function checkDockerfile(inputs: BuildInputs, flags: BuildFlags): number {
	const call = flags.check ? "check" : flags.call;
	if (call === "targets") return showTargets(inputs);
	if (call === "outline") return showOutline(inputs, flags.target);
	const findings = lint(inputs.dockerfile, inputs.context.ignore);
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
	return count > 0 || (count > 0 && findingsAreErrors(inputs.dockerfile)) ? 1 : 0;
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
