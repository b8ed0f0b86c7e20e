/** What a build shows while it works: on a terminal a picture that changes, elsewhere lines, or JSON, or nothing. */

import { writeFileSync } from "node:fs";
import type { Outcome, Progress, Vertex } from "../build/progress.ts";
import { isTerminal, windowSize } from "../sys/terminal.ts";
import type { ProgressMode } from "./build-flags.ts";
import { picture } from "./build-progress-tty.ts";
import { renderTimeline } from "./build-timeline.ts";
import { complain } from "./output.ts";

/** A vertex with what has become of it. Times are of performance.now(). */
export interface Seen {
	readonly vertex: Vertex;
	/** From 1, in the order of beginning. */
	readonly number: number;
	readonly started: number;
	ended: number | undefined;
	outcome: Outcome | undefined;
	/** Its output, as far back as anybody will ask for. */
	tail: string[];
	readonly lines: Readonly<Record<"stdout" | "stderr", Lines>>;
}

export interface ShownProgress extends Progress {
	readonly warnings: readonly string[];
	readonly seen: readonly Seen[];
	/** The last picture, and what else there is at the end. */
	close(): void;
}

const TAIL_LINES = 200;
/** What is longer is told in pieces: a step that never ends its line must not fill the memory. */
const LINE_LIMIT = 64 * 1024;

/** Bytes of one stream → lines. Characters may be cut by the chunks they come in. */
class Lines {
	readonly #decoder = new TextDecoder();
	#rest = "";

	/** Returns the lines that are whole now. */
	add(bytes: Uint8Array): string[] {
		const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
		const rest = lines.pop() ?? "";
		// A carriage return begins the line anew, as bars of installers do: what was before will never be seen.
		const visible = rest.slice(rest.lastIndexOf("\r", rest.length - 2) + 1);
		const full = visible.length > LINE_LIMIT;
		this.#rest = full ? "" : visible;
		return full ? [...lines, visible] : lines;
	}

	/** What came after the last line's end. */
	end(): string {
		const rest = this.#rest + this.#decoder.decode();
		this.#rest = "";
		return rest;
	}
}

/** Keeps what was told, and hands it to whoever shows it. */
export class Recorder implements Progress {
	readonly #seen = new Map<Vertex, Seen>();
	readonly warnings: string[] = [];
	readonly begun = performance.now();
	onStart: (seen: Seen) => void = () => {};
	onLine: (seen: Seen, line: string, stream: "stdout" | "stderr") => void = () => {};
	onEnd: (seen: Seen) => void = () => {};

	get seen(): Seen[] {
		return [...this.#seen.values()];
	}

	start(vertex: Vertex): void {
		const number = this.#seen.size + 1;
		const started = performance.now();
		const seen: Seen = {
			vertex,
			number,
			started,
			ended: undefined,
			outcome: undefined,
			tail: [],
			lines: { stdout: new Lines(), stderr: new Lines() },
		};
		this.#seen.set(vertex, seen);
		this.onStart(seen);
	}

	output(vertex: Vertex, stream: "stdout" | "stderr", bytes: Uint8Array): void {
		const seen = this.#seen.get(vertex);
		if (!seen) return;
		for (const line of seen.lines[stream].add(bytes)) this.#line(seen, line, stream);
	}

	note(vertex: Vertex, text: string): void {
		const seen = this.#seen.get(vertex);
		if (seen) this.#line(seen, text, "stderr");
	}

	#line(seen: Seen, text: string, stream: "stdout" | "stderr"): void {
		const line = text.replace(/\r$/, "").split("\r").at(-1) ?? "";
		seen.tail.push(line);
		if (seen.tail.length > TAIL_LINES) seen.tail.shift();
		this.onLine(seen, line, stream);
	}

	end(vertex: Vertex, outcome: Outcome): void {
		const seen = this.#seen.get(vertex);
		if (!seen) return;
		for (const stream of ["stdout", "stderr"] as const) {
			const rest = seen.lines[stream].end();
			if (rest) this.#line(seen, rest, stream);
		}
		seen.ended = performance.now();
		seen.outcome = outcome;
		this.onEnd(seen);
	}

	warn(message: string): void {
		this.warnings.push(message);
	}
}

export const seconds = (ms: number): string => (ms / 1000).toFixed(1);

export function buildProgress(mode: ProgressMode | undefined): ShownProgress {
	const recorder = new Recorder();
	let close = () => {};
	if (mode?.startsWith("html=")) {
		plain(recorder);
		const file = mode.slice("html=".length);
		close = () => writeFileSync(file, renderTimeline(recorder.seen, recorder.begun));
	} else if (mode === "rawjson") rawJson(recorder);
	else if (mode === "tty" || ((mode === undefined || mode === "auto") && isTerminal(2))) {
		close = picture(recorder, complain, () => windowSize(2));
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
