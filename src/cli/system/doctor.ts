/** `system doctor` */
import { diagnose } from "../../engine/system/doctor.ts";
import { paths } from "../../paths.ts";
import type { Command } from "../command/command.ts";
import { bool } from "../flags/flags.ts";
import { print } from "../output/output.ts";
import { forTerminal } from "../output/terminal.ts";

const flags = { json: bool("Print one document") };

export const doctor: Command<typeof flags> = {
	name: "system doctor",
	usage: "[OPTIONS]",
	summary: "Tell what this host has and lacks, and how to get it; fails if no container could run",
	flags,
	args: { min: 0, max: 0 },
	run: ({ global }, { flags: { json } }) => {
		const found = diagnose(paths(global.root, global.run));
		const isHopeless = found.some(({ isThere, isVital }) => !isThere && isVital);
		if (json) {
			print(`${JSON.stringify(found, null, 4)}\n`);
			return isHopeless ? 1 : 0;
		}
		const width = Math.max(...found.map(({ what }) => what.length));
		for (const { what, isThere, detail, advice, isVital } of found) {
			const mark = isThere ? "ok     " : isVital ? "FATAL  " : "missing";
			print(
				forTerminal(
					1,
					`${mark}  ${what.padEnd(width)}  ${detail}${advice ? `\n${" ".repeat(width + 11)}→ ${advice}` : ""}\n`,
				),
			);
		}
		return isHopeless ? 1 : 0;
	},
};
