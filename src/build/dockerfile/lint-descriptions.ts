/** The linter's rule about comments above stages and arguments. Pure. */
import type { Instruction } from "./instruction.ts";
import type { Finding } from "./lint-finding.ts";

/** A rule that only who asks for it gets (`# check=experimental=`). */
export const DESCRIPTIONS = "InvalidDefinitionDescription";

/** The comment right above a stage or an argument describes it, or should not stand there. */
export function descriptions(instructions: readonly Instruction[]): Finding[] {
	return instructions.flatMap((one) => {
		if (one.kind !== "FROM" && one.kind !== "ARG") return [];
		const name = one.kind === "FROM" ? one.name : one.args[0]?.name;
		const last = one.comment.split("\n").at(-1) ?? "";
		if (name === undefined || last === "" || last.toLowerCase().startsWith(`${name.toLowerCase()} `)) return [];
		return [
			{
				rule: DESCRIPTIONS,
				message: `Comment for build stage or argument should follow the format: \`# ${name} <description>\`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.`,
				range: one.range,
			},
		];
	});
}
