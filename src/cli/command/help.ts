/** `--help` in docker's form. Pure. */

import type { FlagTable } from "../flags/flags.ts";

/** What help tells of a command. */
export interface Documented<F extends FlagTable> {
	/** "run", "container run" */
	readonly name: string;
	/** After the name: "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
	readonly usage: string;
	readonly summary: string;
	readonly aliases?: readonly string[];
	readonly flags: F;
}

export function renderHelp<F extends FlagTable>(command: Documented<F>, program: string): string {
	const rows = Object.entries(command.flags)
		.filter(([, flag]) => !flag.hidden)
		.sort(([a], [b]) => a.localeCompare(b))
		.map(([name, flag]) => {
			const left = `  ${flag.short ? `-${flag.short}, ` : "    "}--${name}${flag.kind ? ` ${flag.kind}` : ""}`;
			return [left, flag.shown && flag.shown !== '""' ? `${flag.help} (default ${flag.shown})` : flag.help] as const;
		});
	const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
	const options = rows.map(([left, help]) => `${left.padEnd(width)}${help}\n`).join("");
	const verb = command.name.split(" ").at(-1) ?? "";
	const names = command.aliases ?? (command.name === verb ? [`container ${verb}`, verb] : []);
	return [
		`Usage:  ${`${program} ${command.name} ${command.usage}`.trimEnd()}\n`,
		`${command.summary}\n`,
		...(names.length ? [`Aliases:\n  ${names.map((name) => `${program} ${name}`).join(", ")}\n`] : []),
		...(options ? [`Options:\n${options}`] : []),
	].join("\n");
}

type Rows = readonly (readonly [name: string, summary: string])[];

/** Help of a group, or of the program itself: commands under their headings. */
export function renderGroupHelp(
	title: string,
	usage: string,
	sections: readonly (readonly [heading: string, commands: Rows])[],
	footer: readonly string[],
): string {
	const width = Math.max(...sections.flatMap(([, commands]) => commands.map(([name]) => name.length))) + 3;
	const rows = (commands: Rows) => commands.map(([name, summary]) => `  ${name.padEnd(width)}${summary}`);
	return [
		`Usage:  ${usage}`,
		"",
		title,
		"",
		...sections.flatMap(([heading, commands]) => [`${heading}:`, ...rows(commands), ""]),
		...footer,
		"",
	].join("\n");
}
