/** An archive as it is made: entries and their content, handed on in large chunks. */
import { syscall, trySyscall } from "../../sys/errno.ts";
import { dataOf } from "../../sys/holes.ts";
import { encodeHeader, encodeMap, endOfArchive, type OutEntry, padding } from "./writer.ts";

const CHUNK = 1024 * 1024;

export class TarOutput {
	readonly #sink: (chunk: Uint8Array) => void;
	/** The archive as far as it is not handed on: many small files go in one chunk. */
	readonly #buffer = Buffer.allocUnsafe(CHUNK);
	#length = 0;

	/** A chunk is good only during the call. */
	constructor(sink: (chunk: Uint8Array) => void) {
		this.#sink = sink;
	}

	/** An entry without content. */
	entry(entry: OutEntry): void {
		this.#write(encodeHeader(entry));
	}

	/** A file, and what an open descriptor has of it. Throws Error where it becomes shorter meanwhile. */
	file(entry: OutEntry, fd: number): void {
		this.entry(entry);
		this.#content(fd, entry);
		this.#write(padding(entry.size));
	}

	/** The same; what was never written of it is left out. */
	sparseFile(entry: OutEntry, fd: number): void {
		const pieces = dataOf(fd, entry.size);
		const data = pieces.reduce((sum, [, length]) => sum + length, 0);
		if (data === entry.size) {
			if (data > 0) syscall("lseek", "", fd, 0, 0);
			this.file(entry, fd);
			return;
		}
		const [offset = 0, length = 0] = pieces.at(-1) ?? [];
		// GNU tar takes the end of the last piece for that of the file.
		const map = encodeMap(offset + length < entry.size ? [...pieces, [entry.size, 0]] : pieces);
		this.entry({ ...entry, size: map.length + data, realSize: entry.size });
		this.#write(map);
		for (const [offset, size] of pieces) {
			syscall("lseek", "", fd, offset, 0);
			this.#content(fd, { path: entry.path, size });
		}
		this.#write(padding(data));
	}

	end(): void {
		this.#write(endOfArchive());
		this.#flush();
	}

	#write(bytes: Uint8Array): void {
		if (this.#length + bytes.length > CHUNK) this.#flush();
		if (bytes.length > CHUNK) {
			this.#sink(bytes);
			return;
		}
		this.#buffer.set(bytes, this.#length);
		this.#length += bytes.length;
	}

	#flush(): void {
		if (this.#length) this.#sink(this.#buffer.subarray(0, this.#length));
		this.#length = 0;
	}

	/** Read to where it goes. */
	#content(fd: number, { path, size }: Pick<OutEntry, "path" | "size">): void {
		for (let left = size; left > 0; ) {
			if (this.#length === CHUNK) this.#flush();
			const room = Math.min(CHUNK - this.#length, left);
			const n = trySyscall("read", fd, this.#buffer.subarray(this.#length), room);
			if (n <= 0) throw new Error(`${path} changed while it was read`);
			this.#length += n;
			left -= n;
		}
	}
}
