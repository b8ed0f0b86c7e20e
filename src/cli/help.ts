/** `--help` in docker's form. Pure. */
import type { Command } from "./command.ts";
import type { FlagTable } from "./flags.ts";

export function renderHelp<F extends FlagTable>(command: Command<F>, program: string): string {
	const rows = Object.entries(command.flags)
		.sort(([a], [b]) => a.localeCompare(b))
		.map(([name, flag]) => {
			const left = `  ${flag.short ? `-${flag.short}, ` : "    "}--${name}${flag.kind ? ` ${flag.kind}` : ""}`;
			const help = flag.shown && flag.kind ? `${flag.help} (default ${flag.shown})` : flag.help;
			return [left, flag.shown && !flag.kind ? `${help} (default ${flag.shown})` : help] as const;
		});
	const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
	const options = rows.map(([left, help]) => `${left.padEnd(width)}${help}`);
	const aliases = command.aliases?.length
		? `\nAliases:\n  ${[command.name, ...command.aliases].map((name) => `${program} ${name}`).join(", ")}\n`
		: "";
	return [
		`Usage:  ${program} ${command.name} ${command.usage}`.trimEnd(),
		"",
		command.summary,
		aliases,
		...(options.length ? [`Options:\n${options.join("\n")}`, ""] : []),
	]
		.filter((part, i) => part !== "" || i === 1 || i > 3)
		.join("\n")
		.replace(/\n{3,}/g, "\n\n");
}

/** Help of a group, or of the program itself. */
export function renderGroupHelp(
	title: string,
	usage: string,
	commands: readonly (readonly [name: string, summary: string])[],
	footer: readonly string[],
): string {
	const width = Math.max(...commands.map(([name]) => name.length)) + 3;
	return [
		`Usage:  ${usage}`,
		"",
		title,
		"",
		"Commands:",
		...commands.map(([name, summary]) => `  ${name.padEnd(width)}${summary}`),
		"",
		...footer,
		"",
	].join("\n");
}
