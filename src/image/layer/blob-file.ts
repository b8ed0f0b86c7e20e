/**
 * A blob on its way: one side appends and hashes what the registry sends, the other reads behind it. So a layer is
 * unpacked while it is downloaded, in another thread if need be, and nothing waits in memory.
 */
import { closeSync, openSync, readSync } from "node:fs";

const CHUNK = 256 * 1024;

/** Reads a file up to the point that was announced, and goes on as it moves. */
export class FileFollower implements AsyncIterable<Uint8Array> {
	#available = 0;
	#ended = false;
	#error: Error | undefined;
	#wake: (() => void) | undefined;

	constructor(readonly path: string) {}

	/** So many bytes are there now. */
	advance(bytes: number): void {
		this.#available = bytes;
		this.#wake?.();
	}

	/** They are all there, and verified. */
	finish(): void {
		this.#ended = true;
		this.#wake?.();
	}

	fail(error: Error): void {
		this.#error = error;
		this.#wake?.();
	}

	/** Each chunk is good until the next is asked for. */
	async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
		const file = openSync(this.path, "r");
		const buffer = Buffer.allocUnsafe(CHUNK);
		try {
			for (let at = 0; ; ) {
				if (this.#error) throw this.#error;
				const n = at < this.#available ? readSync(file, buffer, 0, Math.min(CHUNK, this.#available - at), at) : 0;
				if (n > 0) {
					at += n;
					yield buffer.subarray(0, n);
				} else if (this.#ended && at >= this.#available) return;
				else {
					await new Promise<void>((resolve) => {
						this.#wake = resolve;
					});
				}
			}
		} finally {
			closeSync(file);
		}
	}
}
