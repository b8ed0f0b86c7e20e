/** A build that failed: what it was doing, the last lines of its output, its place in the Dockerfile, the reason. */
import { DockerfileError, type Range } from "../../build/dockerfile/lines.ts";
import { EngineError } from "../../errors.ts";
import { complain } from "../output/output.ts";
import type { OpenedContext } from "./context.ts";
import type { Seen } from "./recorder.ts";

const CONTEXT_LINES = 3;
const OUTPUT_LINES = 10;

export function explainFailure(
	error: unknown,
	inputs: Pick<OpenedContext, "dockerfileName" | "dockerfileText">,
	seen: readonly Seen[],
): void {
	if (error instanceof DOMException && error.name === "AbortError") {
		complain("ERROR: failed to build: failed to solve: Canceled: context canceled\n");
		return;
	}
	if (!(error instanceof EngineError)) throw error;
	const failed = seen.findLast(({ outcome }) => outcome?.kind === "failed");
	if (failed?.tail.length) {
		const lines = failed.tail.slice(-OUTPUT_LINES).map((line) => `${Bun.stripANSI(line)}\n`);
		complain(`------\n > ${failed.vertex.name}:\n${lines.join("")}------\n`);
	}
	const range = error instanceof DockerfileError ? error.range : (error as { range?: Range }).range;
	if (range) complain(excerpt(inputs.dockerfileName, inputs.dockerfileText, range));
	complain(`ERROR: failed to build: failed to solve: ${error.message}\n`);
}

/** A context or a Dockerfile that cannot be read: what is wrong with the command line, docker's client tells itself. */
export function explainUnreadable(error: unknown): void {
	if (!(error instanceof EngineError)) throw error;
	complain(`ERROR: failed to build: ${error.code === "usage" ? "" : "failed to solve: "}${error.message}\n`);
}

/** The lines of a mistake, marked, with some around them. */
export function excerpt(name: string, text: string, { start, end }: Range): string {
	const lines = text.split("\n");
	const first = Math.max(start - CONTEXT_LINES, 1);
	const last = Math.min(end + CONTEXT_LINES, lines.length);
	const shown = lines.slice(first - 1, last).map((line, i) => {
		const number = first + i;
		const mark = number >= start && number <= end ? ">>>" : "   ";
		return `${String(number).padStart(4)} | ${mark} ${line}`;
	});
	const rule = "-".repeat(20);
	return `${name}:${start}\n${rule}\n${shown.join("\n")}\n${rule}\n`;
}
