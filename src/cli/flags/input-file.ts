/** Files that flags name, read within limits; what is wrong with one is told in docker's words. */
import { EngineError } from "../../errors.ts";
import { errnoText, SyscallError } from "../../sys/errno.ts";
import { readInput, readInputFile, Unreadable } from "../../sys/input-file.ts";

/** More than any list of variables, key or profile has. */
export const INPUT_LIMIT = 16 * 1024 * 1024;

/** `before` comes in front of the reason: "failed to read secret x: ". */
export function readNamedFile(path: string, before = "", limit = INPUT_LIMIT): Uint8Array {
	return inWords(path, before, () => readInputFile(path, limit));
}

export const readStandardInput = (before: string, limit = INPUT_LIMIT): Uint8Array =>
	inWords("standard input", before, () => readInput(0, "standard input", limit));

function inWords(path: string, before: string, read: () => Uint8Array): Uint8Array {
	try {
		return read();
	} catch (error) {
		if (error instanceof Unreadable) throw new EngineError("usage", `${before}${error.message}`, { cause: error });
		if (!(error instanceof SyscallError)) throw error;
		const call = error.syscall === "read" ? "read" : "open";
		throw new EngineError("usage", `${before}${call} ${path}: ${errnoText(error.errno)}`, { cause: error });
	}
}
