/** Why a container's program does not run, in docker's words. */
import { EngineError } from "../../errors.ts";

/** A program that cannot be executed is told in the words of docker's four layers, which scripts look for. */
export function inDockersWords(error: unknown): unknown {
	if (!(error instanceof EngineError) || !error.message.startsWith("exec")) return error;
	if (error.code !== "command-not-found" && error.code !== "command-not-executable") return error;
	const text = `failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ${error.message}: unknown`;
	return new EngineError(error.code, text, { cause: error });
}
