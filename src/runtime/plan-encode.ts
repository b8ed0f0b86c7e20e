/**
 * A plan as bytes, pure. Twin of native/plan.h, which draws the layout.
 */
import { utf8 } from "../sys/text.ts";
import { OPCODES, type Operation } from "./operations.ts";

const MAGIC = 0x4c50434e;
const VERSION = 1;
const HEADER_SIZE = 64;
const OP_HEADER_SIZE = 64;

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

export function encodePlan(header: PlanHeader, operations: readonly Operation[]): EncodedPlan {
	const texts: Uint8Array[][] = [];
	const sizes: number[] = [];
	let resultsOffset = HEADER_SIZE;
	for (const { strings } of operations) {
		const encoded: Uint8Array[] = [];
		let size = 0;
		for (const s of strings) {
			const text = typeof s === "string" ? utf8(s) : s;
			encoded.push(text);
			size += align(4 + text.length + 1, 4);
		}
		texts.push(encoded);
		sizes.push(OP_HEADER_SIZE + align(size, 8));
		resultsOffset += OP_HEADER_SIZE + align(size, 8);
	}
	const bytes = new Uint8Array(resultsOffset + 8 * operations.length);
	const view = new DataView(bytes.buffer);

	view.setUint32(0, MAGIC, true);
	view.setUint32(4, VERSION, true);
	view.setUint32(8, operations.length, true);
	view.setUint32(12, bytes.length, true);
	view.setBigUint64(16, BigInt(header.cloneFlags >>> 0), true);
	view.setInt32(24, header.cgroupFd, true);
	view.setInt32(28, header.pidNamespaceFd, true);
	view.setUint32(32, resultsOffset, true);

	let at = HEADER_SIZE;
	for (const [i, operation] of operations.entries()) {
		const strings = texts[i] ?? [];
		view.setUint32(at, OPCODES[operation.code], true);
		view.setUint32(at + 4, sizes[i] ?? 0, true);
		let number = at + 8;
		for (const n of operation.numbers) {
			view.setBigInt64(number, BigInt.asIntN(64, typeof n === "bigint" ? n : toBigInt(n)), true);
			number += 8;
		}
		view.setUint32(at + 56, strings.length, true);
		let s = at + OP_HEADER_SIZE;
		for (const text of strings) {
			view.setUint32(s, text.length, true);
			bytes.set(text, s + 4);
			s += align(4 + text.length + 1, 4);
		}
		at += sizes[i] ?? 0;
	}
	return { bytes, resultsOffset };
}

/** RLIM_INFINITY is all ones; JavaScript says Infinity. */
const toBigInt = (n: number): bigint => (n === Number.POSITIVE_INFINITY ? -1n : BigInt(n));
const align = (n: number, to: number): number => Math.ceil(n / to) * to;
