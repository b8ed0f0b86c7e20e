/** What a build tells while it works. Whoever shows it (src/cli/build-progress-*.ts) decides how. */

/** One thing that is done: a step, an image that is looked up, the export. Known by itself, not by its name. */
export interface Vertex {
	/** "[build 2/5] RUN make" */
	readonly name: string;
}

export type Outcome =
	| { readonly kind: "done" }
	| { readonly kind: "cached" }
	| { readonly kind: "failed"; readonly message: string }
	| { readonly kind: "canceled" };

export interface Progress {
	start(vertex: Vertex): void;
	/** Output of a RUN step. */
	output(vertex: Vertex, stream: "stdout" | "stderr", bytes: Uint8Array): void;
	/** A line of our own: "resolve docker.io/library/alpine:latest done". */
	note(vertex: Vertex, text: string): void;
	end(vertex: Vertex, outcome: Outcome): void;
	warn(message: string): void;
}

export class Vertices {
	readonly #progress: Progress;

	constructor(progress: Progress) {
		this.#progress = progress;
	}

	/** Does something under a name, and tells how it ended. */
	async run<T>(
		name: string,
		action: (vertex: Vertex) => Promise<{ readonly value: T; readonly cached: boolean }>,
	): Promise<T> {
		const vertex: Vertex = { name };
		this.#progress.start(vertex);
		try {
			const { value, cached } = await action(vertex);
			this.#progress.end(vertex, { kind: cached ? "cached" : "done" });
			return value;
		} catch (error) {
			const canceled = error instanceof Error && error.name === "AbortError";
			this.#progress.end(
				vertex,
				canceled
					? { kind: "canceled" }
					: { kind: "failed", message: error instanceof Error ? error.message : String(error) },
			);
			throw error;
		}
	}
}
