/** An archive that is written to a file or to standard output. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { errnoText } from "../../sys/errno.ts";
import { pollWritable } from "../../sys/process.ts";

export type Sink = (chunk: Uint8Array) => void;

/** `path`: undefined: standard output. Of a file that cannot be finished nothing stays. */
export function toArchive(path: string | undefined, write: (sink: Sink) => void): void {
	if (path === undefined) {
		write((chunk) => writeWhole(1, chunk));
		return;
	}
	const fd = created(path);
	try {
		write((chunk) => writeWhole(fd, chunk));
	} catch (error) {
		rmSync(path, { force: true });
		throw error;
	} finally {
		closeSync(fd);
	}
}

function created(path: string): number {
	try {
		return openSync(path, "w", 0o600);
	} catch (error) {
		throw new EngineError("usage", `open ${path}: ${errnoText(Math.abs((error as NodeJS.ErrnoException).errno ?? 0))}`);
	}
}

function writeWhole(fd: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length; ) {
		try {
			at += writeSync(fd, bytes, at);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
			pollWritable(fd); // whose pipe it is has made it non-blocking
		}
	}
}
