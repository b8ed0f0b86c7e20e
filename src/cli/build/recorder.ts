/** Keeps what a build tells of its steps: when each began and ended, and the last lines of its output. */
import type { Outcome, Progress, Vertex } from "../../build/session/progress.ts";

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
	/** What the program itself has said of it. */
	readonly notes: string[];
	readonly lines: Readonly<Record<"stdout" | "stderr", Lines>>;
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
			notes: [],
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
		if (!seen) return;
		seen.notes.push(text);
		this.#line(seen, text, "stderr");
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
