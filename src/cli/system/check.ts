/** `system check`: is everything that is stored as it should be? */
import { settleAll } from "../../engine/container/open-settled.ts";
import { checkStore } from "../../engine/system/check.ts";
import { faultOf, type Recovered, recoverRecords } from "../../engine/system/recover.ts";
import type { Command } from "../command/command.ts";
import { bool } from "../flags/flags.ts";
import { print } from "../output/output.ts";
import { forTerminal } from "../output/terminal.ts";

const flags = { repair: bool("Mend what can be mended, and remove what belongs to nothing") };

export const systemCheck: Command<typeof flags> = {
	name: "system check",
	aliases: [],
	usage: "[OPTIONS]",
	summary: "Check every blob and layer against its digest, and the records against the disk",
	flags,
	args: { min: 0, max: 0 },
	run: async (context, { flags }) => {
		const began = performance.now();
		let found = 0;
		let left = 0;
		const engine = await context.quietEngine();
		const fault = flags.repair ? tellRecovered(recoverRecords(engine)) : faultOf(engine);
		if (fault !== undefined) {
			print(`${fault}\nRun 'system check --repair' to put on record again what can be found\n`);
			return 1;
		}
		await settleAll(engine);
		const checked = await checkStore(engine, async ({ what, repair }) => {
			found++;
			const mended = flags.repair ? repair?.() : undefined;
			if (!mended?.done) left++;
			print(
				`${forTerminal(1, what)}${mended ? `\n  ${mended.done ? mended.said : `not mended: ${mended.said}`}` : ""}\n`,
			);
		});
		const { blobs, layers, images, containers } = checked;
		const seconds = ((performance.now() - began) / 1000).toFixed(1);
		const counts = `${blobs} blobs, ${layers} layers, ${images} images, ${containers} containers in ${seconds} s`;
		print(`${found === 0 ? "No problem" : `${found} problem${found === 1 ? "" : "s"}`}: ${counts}\n`);
		if (left > 0 && !flags.repair) print("Run 'system check --repair' to mend what can be mended\n");
		return left > 0 ? 1 : 0;
	},
};

function tellRecovered(recovered: Recovered | undefined): undefined {
	if (!recovered) return;
	const { fault, kept, containers, images, volumes } = recovered;
	print(`${fault}\n  on record again: ${containers} containers, ${images} images, ${volumes} volumes\n`);
	if (kept !== undefined) print(`  what was there is kept as ${kept}\n`);
}
