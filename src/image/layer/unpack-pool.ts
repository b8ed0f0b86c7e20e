/** Threads for unpacking, one a core; small layers are not worth one and are unpacked here. */
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { EngineError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { FileFollower } from "./blob-file.ts";
import { extractLayer } from "./extract.ts";
import type { FromWorker, ToWorker } from "./unpack-worker.ts";

/**
 * In the executable, chunks lie at the root of Bun's file system and entry points keep their directory. The path is
 * absolute: a relative one that is not found there would be loaded from the working directory, by root.
 */
const WORKER = `${dirname(Bun.main)}/image/layer/unpack-worker.js`;

const IN_PROCESS_BELOW = 512 * 1024;

/** An unpacking under way: told how far the download has come, and awaited. */
export interface Unpacking {
	advance(bytes: number): void;
	/** The file is complete and its digest right. Resolves to the bytes of the layer's files. */
	finish(): Promise<number>;
	fail(message: string): Promise<void>;
}

export class UnpackPool implements Disposable {
	readonly #paths: Paths;
	readonly #idle: Worker[] = [];
	readonly #all: Worker[] = [];
	readonly #waiting: ((worker: Worker) => void)[] = [];

	constructor(paths: Paths) {
		this.#paths = paths;
	}

	/** Begins to unpack `blob`, which may still be growing. */
	start(blob: string, diffId: string, size: number): Unpacking {
		return size < IN_PROCESS_BELOW ? this.#here(blob, diffId, size) : this.#there(blob, diffId, size);
	}

	#here(blob: string, diffId: string, size: number): Unpacking {
		const bytes = new FileFollower(blob);
		// Begun when the download is through: it is small.
		const run = () => extractLayer(this.#paths, { diffId, size, bytes, verify: () => {} });
		return {
			advance: (available) => bytes.advance(available),
			finish: () => {
				bytes.finish();
				return run();
			},
			fail: async () => {},
		};
	}

	#there(blob: string, diffId: string, size: number): Unpacking {
		const result = Promise.withResolvers<number>();
		result.promise.catch(() => {}); // looked at in finish(); a failure before that is no unhandled one
		let worker: Worker | undefined;
		let available = 0;
		let last: ToWorker | undefined;
		const post = (message: ToWorker) => worker?.postMessage(message);
		this.#take().then((taken) => {
			worker = taken;
			taken.onmessage = ({ data }: MessageEvent<FromWorker>) => {
				this.#give(taken);
				if (data.type === "done") result.resolve(data.size);
				else result.reject(data.expected ? new EngineError("failed", data.message) : new Error(data.message));
			};
			taken.onerror = (event) => result.reject(new Error(event.message));
			const { root, run } = this.#paths;
			post({ type: "job", job: { root, run, blob, diffId, size } });
			post({ type: "advance", bytes: available });
			if (last) post(last);
		});
		return {
			advance: (bytes) => {
				available = bytes;
				post({ type: "advance", bytes });
			},
			finish: () => {
				last = { type: "finish" };
				post(last);
				return result.promise;
			},
			fail: async (message) => {
				last = { type: "fail", message };
				post(last);
				await result.promise.catch(() => {});
			},
		};
	}

	#take(): Promise<Worker> {
		const idle = this.#idle.pop();
		if (idle) return Promise.resolve(idle);
		if (this.#all.length < availableParallelism()) {
			const worker = new Worker(WORKER);
			this.#all.push(worker);
			return Promise.resolve(worker);
		}
		return new Promise((resolve) => {
			this.#waiting.push(resolve);
		});
	}

	#give(worker: Worker): void {
		const next = this.#waiting.shift();
		if (next) next(worker);
		else this.#idle.push(worker);
	}

	[Symbol.dispose](): void {
		for (const worker of this.#all) worker.terminate();
	}
}
