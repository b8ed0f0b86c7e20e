/**
 * The failures a caller may expect. Everything else that is thrown is a bug and shows its stack.
 * The command line turns codes into docker's exit codes (src/cli/main.ts), an API would turn them into HTTP status.
 */

export type ErrorCode =
	| "usage" // the command line or a client file is wrong; docker's client says so, not its daemon
	| "invalid" // the request makes no sense: bad flag value, bad reference, bad name
	| "not-found" // no such container, image, network, volume
	| "conflict" // a name in use, a container that runs
	| "not-running" // needs a running container
	| "not-root" // needs root
	| "denied" // the registry says no
	| "unsupported" // this kernel, or this version of NanoContainer, cannot
	| "command-not-found" // the container's program does not exist (exit code 127)
	| "command-not-executable" // it exists, but cannot be executed (exit code 126)
	| "failed"; // the operation went wrong: I/O, network, kernel

export class EngineError extends Error {
	override readonly name = "EngineError";
	constructor(
		readonly code: ErrorCode,
		message: string,
		options?: { cause?: unknown },
	) {
		super(message, options);
	}
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
