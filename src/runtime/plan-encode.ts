/**
 * A plan as bytes, pure. Twin of native/plan.h, which draws the layout.
 */
import { EngineError } from "../errors.ts";
import { utf8Into } from "../sys/text.ts";
import { OPCODES, type Operation } from "./operations.ts";

const MAGIC = 0x4c50434e;
const VERSION = 1;
const HEADER_SIZE = 64;
const OP_HEADER_SIZE = 64;
/** More than any plan may be; and positions in it are numbers of 31 bits. */
const MOST = 2 ** 30;

export interface PlanHeader {
	/** Namespaces that the new process starts in. */
	readonly cloneFlags: number;
	/** Descriptor numbers in the monitor, or -1. */
	readonly cgroupFd: number;
	readonly pidNamespaceFd: number;
}

export interface EncodedPlan {
	readonly bytes: Uint8Array;
	/** Where init writes the nanoseconds each operation took: an int64 for each. */
	readonly resultsOffset: number;
}

/** One pass, into room for the longest that the text can become; loops and words, because it runs once, uncompiled. */
export function encodePlan(header: PlanHeader, operations: readonly Operation[]): EncodedPlan {
	const room = roomFor(operations);
	if (room > MOST) throw new EngineError("invalid", "argument list too long");
	const bytes = new Uint8Array(room);
	const words = new Int32Array(bytes.buffer);
	let at = HEADER_SIZE;
	for (const operation of operations) at = encodeOperation(bytes, words, at, operation);
	const size = at + 8 * operations.length;
	words.set([MAGIC, VERSION, operations.length, size]);
	words[4] = header.cloneFlags;
	words[6] = header.cgroupFd;
	words[7] = header.pidNamespaceFd;
	words[8] = at;
	return { bytes: bytes.subarray(0, size), resultsOffset: at };
}

/** A character of JavaScript's becomes three bytes at most. */
function roomFor(operations: readonly Operation[]): number {
	let room = HEADER_SIZE;
	for (const { strings } of operations) {
		room += OP_HEADER_SIZE + 16;
		for (const text of strings) room += 4 + 3 * text.length + 4;
	}
	return Math.ceil(room / 8) * 8;
}

/** Returns where it ends. */
function encodeOperation(bytes: Uint8Array, words: Int32Array, at: number, operation: Operation): number {
	const { code, numbers, strings } = operation;
	for (let i = 0; i < numbers.length; i++) put64(words, at / 4 + 2 + 2 * i, numbers[i] ?? 0);
	let end = at + OP_HEADER_SIZE;
	for (const text of strings) {
		const length = put(bytes, end + 4, text);
		words[end / 4] = length;
		end += align(4 + length + 1, 4);
	}
	end = align(end, 8);
	words[at / 4] = OPCODES[code];
	words[at / 4 + 1] = end - at;
	words[at / 4 + 14] = strings.length;
	return end;
}

function put(bytes: Uint8Array, at: number, text: string | Uint8Array): number {
	if (typeof text === "string") return utf8Into(text, bytes.subarray(at));
	bytes.set(text, at);
	return text.length;
}

/** RLIM_INFINITY is all ones; JavaScript says Infinity. The bytes were zero. */
function put64(words: Int32Array, at: number, n: number | bigint): void {
	if (typeof n === "number" && (n | 0) === n && n >= 0) {
		words[at] = n;
		return;
	}
	const wide = typeof n === "bigint" ? n : n === Number.POSITIVE_INFINITY ? -1n : BigInt(n);
	words[at] = Number(BigInt.asIntN(32, wide));
	words[at + 1] = Number(BigInt.asIntN(32, wide >> 32n));
}

const align = (n: number, to: number): number => (n + to - 1) & -to;
