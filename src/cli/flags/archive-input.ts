/** An archive that is given as a file, or on standard input. */
import { closeSync, createReadStream, openSync } from "node:fs";
import { EngineError, messageOf } from "../../errors.ts";
import { errnoText } from "../../sys/errno.ts";
import { checkInput } from "../../sys/input-file.ts";

/** The bytes of the archive; a file that cannot be read is told in docker's words. */
export async function* archiveOf(path: string | undefined): AsyncGenerator<Uint8Array> {
	if (path === undefined) {
		yield* Bun.stdin.stream();
		return;
	}
	let fd: number;
	try {
		fd = openSync(path, "r");
	} catch (error) {
		const { errno = 0 } = error as NodeJS.ErrnoException;
		throw new EngineError("usage", `open ${path}: ${errnoText(Math.abs(errno))}`);
	}
	try {
		checkInput(fd, path);
	} catch (error) {
		closeSync(fd);
		throw new EngineError("usage", messageOf(error));
	}
	yield* createReadStream(path, { fd });
}
