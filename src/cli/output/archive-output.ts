/** An archive that is written to a file or to standard output. */
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { errnoText } from "../../sys/errno.ts";
import { pollWritable } from "../../sys/process.ts";

export type Sink = (chunk: Uint8Array) => void;

/**
 * `path`: undefined: standard output. A file gets the place of what was there when it is whole, and leaves it as it was otherwise.
 * What is no file (a device, a FIFO) is written to, and never put away.
 */
export function toArchive(path: string | undefined, write: (sink: Sink) => void): void {
	if (path === undefined) {
		write((chunk) => writeWhole(1, chunk));
	} else if (isSpecial(path)) {
		writeTo(created(path, "w", path), write);
	} else {
		const unfinished = `${path}.${process.pid}.unfinished`;
		const fd = created(unfinished, "wx", path);
		try {
			writeTo(fd, write);
			renameSync(unfinished, path);
		} catch (error) {
			rmSync(unfinished, { force: true });
			throw error;
		}
	}
}

function isSpecial(path: string): boolean {
	try {
		return !statSync(path).isFile();
	} catch {
		return false; // there is nothing yet, or a link that leads nowhere
	}
}

function writeTo(fd: number, write: (sink: Sink) => void): void {
	try {
		write((chunk) => writeWhole(fd, chunk));
	} finally {
		closeSync(fd);
	}
}

/** `named`: what the user calls it. */
function created(path: string, mode: "w" | "wx", named: string): number {
	try {
		return openSync(path, mode, 0o600);
	} catch (error) {
		throw new EngineError(
			"usage",
			`open ${named}: ${errnoText(Math.abs((error as NodeJS.ErrnoException).errno ?? 0))}`,
		);
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
