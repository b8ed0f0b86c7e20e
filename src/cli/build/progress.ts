/** What a build shows while it works: on a terminal a picture that changes, elsewhere lines, or JSON, or nothing. */

import { writeFileSync } from "node:fs";
import type { Outcome, Progress } from "../../build/session/progress.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import { complain, drawOnError } from "../output/output.ts";
import type { ProgressMode } from "./flags.ts";
import { picture } from "./progress-tty.ts";
import { Recorder, type Seen, seconds } from "./recorder.ts";
import { renderTimeline } from "./timeline.ts";

export interface ShownProgress extends Progress {
	readonly warnings: readonly string[];
	readonly seen: readonly Seen[];
	/** The last picture, and what else there is at the end. */
	close(): void;
}

export function buildProgress(mode: ProgressMode | undefined): ShownProgress {
	const recorder = new Recorder();
	let close = () => {};
	if (mode?.startsWith("html=")) {
		plain(recorder);
		const file = mode.slice("html=".length);
		close = () => writeFileSync(file, renderTimeline(recorder.seen, recorder.begun));
	} else if (mode === "rawjson") rawJson(recorder);
	else if (mode === "tty" || ((mode === undefined || mode === "auto") && isTerminal(2))) {
		close = picture(recorder, drawOnError, () => windowSize(2));
	} else if (mode !== "quiet") plain(recorder);
	return Object.assign(recorder, { close });
}

/** A line for each thing that happens, numbered. */
function plain(recorder: Recorder): void {
	recorder.onStart = ({ vertex, number }) => complain(`#${number} ${vertex.name}\n`);
	recorder.onLine = ({ number, started }, line) => {
		complain(`#${number} ${((performance.now() - started) / 1000).toFixed(3)} ${line}\n`);
	};
	recorder.onEnd = ({ number, started, ended, outcome }) => {
		const took = seconds((ended ?? 0) - started);
		const text: Readonly<Record<Outcome["kind"], string>> = {
			done: `DONE ${took}s`,
			cached: "CACHED",
			canceled: "CANCELED",
			failed: `ERROR: ${outcome?.kind === "failed" ? outcome.message : ""}`,
		};
		complain(`#${number} ${text[outcome?.kind ?? "done"]}\n\n`);
	};
}

/** BuildKit's status messages, one JSON object a line. */
function rawJson(recorder: Recorder): void {
	const digestOf = (seen: Seen) =>
		`sha256:${new Bun.CryptoHasher("sha256").update(`${seen.number} ${seen.vertex.name}`).digest("hex")}`;
	const at = (time: number) => new Date(performance.timeOrigin + time).toISOString();
	const vertex = (seen: Seen) => ({
		digest: digestOf(seen),
		name: seen.vertex.name,
		started: at(seen.started),
		...(seen.ended === undefined ? {} : { completed: at(seen.ended) }),
		...(seen.outcome?.kind === "cached" ? { cached: true } : {}),
		...(seen.outcome?.kind === "failed" ? { error: seen.outcome.message } : {}),
	});
	const tell = (value: object) => complain(`${JSON.stringify(value)}\n`);
	recorder.onStart = (seen) => tell({ vertexes: [vertex(seen)] });
	recorder.onEnd = (seen) => tell({ vertexes: [vertex(seen)] });
	recorder.onLine = (seen, line, stream) =>
		tell({
			logs: [
				{
					vertex: digestOf(seen),
					stream: stream === "stdout" ? 1 : 2,
					data: Buffer.from(`${line}\n`).toString("base64"),
					timestamp: at(performance.now()),
				},
			],
		});
}
