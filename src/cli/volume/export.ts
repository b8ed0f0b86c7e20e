/** `volume export`: docker has none; podman's form. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { exportVolume } from "../../engine/volume/content.ts";
import { EngineError } from "../../errors.ts";
import { errnoText } from "../../sys/errno.ts";
import { pollWritable } from "../../sys/process.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Command } from "../command/command.ts";
import { text } from "../flags/flags.ts";
import { complain } from "../output/output.ts";

const flags = { output: text("Write to a file, instead of STDOUT", "o") };

export const exportCommand: Command<typeof flags> = {
	name: "volume export",
	usage: "[OPTIONS] VOLUME",
	summary: "Write the files of a volume as a tar archive",
	flags,
	args: { min: 1, max: 1 },
	run: async (context, { flags: { output }, args: [name = ""] }) => {
		if (output === undefined && isTerminal(1)) {
			complain("cowardly refusing to save to a terminal. Use the -o flag or redirect\n");
			return 1;
		}
		const engine = await context.engine();
		if (output === undefined) {
			exportVolume(engine, name, (chunk) => writeAll(1, chunk));
			return 0;
		}
		const fd = created(output);
		try {
			exportVolume(engine, name, (chunk) => writeAll(fd, chunk));
		} catch (error) {
			rmSync(output, { force: true });
			throw error;
		} finally {
			closeSync(fd);
		}
		return 0;
	},
};

function created(path: string): number {
	try {
		return openSync(path, "w", 0o600);
	} catch (error) {
		throw new EngineError("usage", `open ${path}: ${errnoText(Math.abs((error as NodeJS.ErrnoException).errno ?? 0))}`);
	}
}

function writeAll(fd: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length; ) {
		try {
			at += writeSync(fd, bytes, at);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
			pollWritable(fd); // whose pipe it is has made it non-blocking
		}
	}
}
