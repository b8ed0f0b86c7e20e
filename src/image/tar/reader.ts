/**
 * A tar archive as it streams by: bytes are pushed in, entries and their data come out. Holds no more than one block
 * and one extended header.
 */
import { type Block, decodeBlock, decodeLongName, decodePax, makeEntry, type Pax, type TarEntry } from "./header.ts";
import { malformed } from "./malformed.ts";
import { checkMap, pairs, readSparseMap, sparseContinues } from "./sparse.ts";

const BLOCK = 512;
const MAX_EXTENDED_HEADER = 1024 * 1024;
const MAX_GLOBAL_RECORDS = 1000;
const MAX_ENTRIES = 4_000_000;
/** Tapes are padded to a record, in practice to 10 kB. */
const MAX_BEHIND = 64 * 1024 * 1024;

export interface TarSink {
	entry(entry: TarEntry): void;
	/** Data of the last entry; `offset` is its place in the file. */
	data(bytes: Uint8Array, offset: number): void;
	/** The last entry is complete. */
	end(entry: TarEntry): void;
}

type State =
	| { at: "header" }
	| { at: "extended"; block: Block; bytes: Uint8Array; filled: number }
	| { at: "sparse-blocks" }
	| { at: "sparse-map"; numbers: number[]; rest: string }
	| { at: "data" }
	| { at: "skip"; left: number }
	| { at: "done" };

export class TarReader {
	readonly #sink: TarSink;
	#state: State = { at: "header" };
	#block = Buffer.alloc(BLOCK);
	#filled = 0;
	#pax: Pax = new Map();
	#global: Pax = new Map();
	#longPath: string | undefined;
	#longLink: string | undefined;
	#entry: TarEntry | undefined;
	/** Of the entry's data, in the archive. */
	#left = 0;
	#padding = 0;
	#map: [number, number][] = [];
	#entries = 0;
	/** Bytes that came behind the end. */
	#behind = 0;

	constructor(sink: TarSink) {
		this.#sink = sink;
	}

	push(chunk: Uint8Array): void {
		let at = 0;
		while (at < chunk.length) at += this.#consume(at === 0 ? chunk : chunk.subarray(at));
	}

	/** Throws if the archive was cut off. */
	finish(): void {
		const { at } = this.#state;
		// Some writers leave out the two empty blocks at the end.
		if (at !== "done" && !(at === "header" && this.#filled === 0)) throw malformed("it ends too early");
	}

	/** Takes some of the bytes; returns how many. */
	#consume(bytes: Uint8Array): number {
		const state = this.#state;
		switch (state.at) {
			case "done":
				// Padding, or whatever follows the end; a stream that never ends is not waited for.
				this.#behind += bytes.length;
				if (this.#behind > MAX_BEHIND) throw malformed("much follows its end");
				return bytes.length;
			case "skip": {
				const n = Math.min(state.left, bytes.length);
				state.left -= n;
				if (state.left === 0) this.#state = { at: "header" };
				return n;
			}
			case "extended": {
				const n = Math.min(state.bytes.length - state.filled, bytes.length);
				state.bytes.set(bytes.subarray(0, n), state.filled);
				state.filled += n;
				if (state.filled === state.bytes.length) this.#extended(state.block, state.bytes);
				return n;
			}
			case "data":
				return this.#data(bytes);
			default:
				return this.#fillBlock(bytes);
		}
	}

	#fillBlock(bytes: Uint8Array): number {
		const n = Math.min(BLOCK - this.#filled, bytes.length);
		this.#block.set(n === bytes.length ? bytes : bytes.subarray(0, n), this.#filled);
		this.#filled += n;
		if (this.#filled < BLOCK) return n;
		this.#filled = 0;
		if (this.#state.at === "sparse-blocks") this.#sparseBlock();
		else if (this.#state.at === "sparse-map") this.#sparseMapBlock(this.#state);
		else this.#header();
		return n;
	}

	#header(): void {
		const block = decodeBlock(this.#block);
		if (block.kind === "end") {
			this.#state = { at: "done" };
			return;
		}
		if (++this.#entries > MAX_ENTRIES) throw malformed(`it has more than ${MAX_ENTRIES} entries`);
		if (block.kind === "other") {
			this.#skip(block.size + padding(block.size));
			this.#forget();
			return;
		}
		if (block.kind !== "entry") {
			if (block.size > MAX_EXTENDED_HEADER) throw malformed("an extended header is too large");
			if (block.size === 0) return;
			this.#state = { at: "extended", block, bytes: new Uint8Array(block.size), filled: 0 };
			return;
		}
		const pax =
			this.#global.size === 0 ? this.#pax : this.#pax.size ? new Map([...this.#global, ...this.#pax]) : this.#global;
		const entry = makeEntry(block, this.#block, pax, this.#longPath, this.#longLink);
		this.#forget();
		this.#entry = entry;
		this.#left = entry.size;
		this.#padding = padding(entry.size);
		this.#map = entry.sparse && entry.sparse.map !== "in-data" ? entry.sparse.map.map(([o, l]) => [o, l]) : [];
		if (block.flag === "S" && sparseContinues(this.#block, 482)) this.#state = { at: "sparse-blocks" };
		else if (entry.sparse?.map === "in-data") this.#state = { at: "sparse-map", numbers: [], rest: "" };
		else this.#begin(entry);
	}

	#forget(): void {
		if (this.#pax.size) this.#pax = new Map();
		this.#longPath = undefined;
		this.#longLink = undefined;
	}

	#extended(block: Block, bytes: Uint8Array): void {
		if (block.kind === "pax") this.#pax = decodePax(bytes);
		else if (block.kind === "global-pax") this.#addGlobal(decodePax(bytes));
		else if (block.kind === "long-path") this.#longPath = decodeLongName(bytes);
		else this.#longLink = decodeLongName(bytes);
		this.#skip(padding(block.size));
	}

	/** For all entries to come, until taken back; more than a few records are an attack. */
	#addGlobal(records: Pax): void {
		this.#global = new Map([...this.#global, ...records]);
		let bytes = 0;
		for (const [key, value] of this.#global) bytes += key.length + value.length;
		if (this.#global.size > MAX_GLOBAL_RECORDS || bytes > MAX_EXTENDED_HEADER)
			throw malformed("it has too many global records");
	}

	#skip(bytes: number): void {
		this.#state = bytes ? { at: "skip", left: bytes } : { at: "header" };
	}

	/** Old GNU format: 21 pairs a block. */
	#sparseBlock(): void {
		this.#map.push(...readSparseMap(this.#block, 0, 21));
		if (this.#map.length > MAX_EXTENDED_HEADER) throw malformed("a sparse map is too large");
		if (!sparseContinues(this.#block, 504) && this.#entry) this.#begin(this.#entry);
	}

	/** PAX format 1.0: the map is decimal lines before the data: the count, then offset and length of each piece. */
	#sparseMapBlock(state: State & { at: "sparse-map" }): void {
		this.#left -= BLOCK;
		const lines = (state.rest + this.#block.toString("latin1")).split("\n");
		state.rest = lines.pop() ?? "";
		const { numbers } = state;
		for (const line of lines) {
			const wanted = numbers.length === 0 ? 1 : 1 + 2 * (numbers[0] ?? 0);
			if (numbers.length > 0 && numbers.length >= wanted) break; // padding
			if (!/^\d{1,15}$/.test(line)) throw malformed("a sparse map is broken");
			numbers.push(Number(line));
		}
		const count = numbers[0];
		if (this.#left < 0 || (count ?? 0) > MAX_EXTENDED_HEADER || (count === undefined && state.rest.length > BLOCK)) {
			throw malformed("a sparse map is broken");
		}
		if (count === undefined || numbers.length < 1 + 2 * count) return;
		this.#map = pairs(numbers.slice(1));
		if (this.#entry) this.#begin(this.#entry);
	}

	#begin(entry: TarEntry): void {
		if (entry.sparse) checkMap(this.#map, entry.sparse.size, this.#left);
		this.#sink.entry(entry);
		this.#state = { at: "data" };
		if (this.#left === 0) this.#finishEntry(entry);
	}

	#data(bytes: Uint8Array): number {
		const entry = this.#entry;
		if (!entry) throw malformed("data without an entry");
		let n = Math.min(this.#left, bytes.length);
		if (entry.sparse) {
			const piece = this.#map[0];
			if (!piece) throw malformed("a sparse map is broken");
			n = Math.min(n, piece[1]);
			if (n) this.#sink.data(bytes.subarray(0, n), piece[0]);
			piece[0] += n;
			piece[1] -= n;
			if (piece[1] === 0) this.#map.shift();
		} else {
			this.#sink.data(n === bytes.length ? bytes : bytes.subarray(0, n), entry.size - this.#left);
		}
		this.#left -= n;
		if (this.#left === 0) this.#finishEntry(entry);
		return n;
	}

	#finishEntry(entry: TarEntry): void {
		this.#sink.end(entry);
		this.#entry = undefined;
		this.#skip(this.#padding);
	}
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;
