/** Sparse files: where the data that is there belongs (tar manual, Sparse Formats). */
import { malformed, SIZE_LIMIT } from "./malformed.ts";
import { decodeNumber } from "./number.ts";

/** The whole size of a file, and its pieces that are not holes; in PAX format 1.0 they are told before the data. */
export interface Sparse {
	readonly size: number;
	readonly map: readonly (readonly [offset: number, length: number])[] | "in-data";
}

/** GNU's three ways to say where a sparse file's data belongs (tar manual, Sparse Formats). */
export function sparseOf(flag: string, raw: Buffer, get: (key: string) => string | undefined): Sparse | undefined {
	const whole = (value: string | undefined): number => {
		const size = Number(value);
		if (!Number.isSafeInteger(size) || size < 0 || size > SIZE_LIMIT)
			throw malformed("a sparse file's size is impossible");
		return size;
	};
	if (flag === "S") return { size: whole(String(sparseNumber(raw, 483))), map: readSparseMap(raw, 386, 4) };
	if (get("GNU.sparse.major") === "1") return { size: whole(get("GNU.sparse.realsize")), map: "in-data" };
	const map = get("GNU.sparse.map") ?? (get("GNU.sparse.numblocks") === "0" ? "" : undefined);
	if (map === undefined) return undefined;
	if (map === "") return { size: whole(get("GNU.sparse.size")), map: [] };
	const numbers = map.split(",").map(Number);
	if (numbers.length % 2 || numbers.some((n) => !Number.isSafeInteger(n) || n < 0))
		throw malformed("a sparse map is broken");
	return { size: whole(get("GNU.sparse.size")), map: pairs(numbers) };
}

export function pairs(numbers: readonly number[]): [number, number][] {
	return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0]);
}

/** Whether further blocks of an old GNU sparse map follow this one. */
export const sparseContinues = (raw: Buffer, at: 482 | 504): boolean => raw[at] === 1;

/** Pairs of 12-byte octal numbers; an empty one ends the list. */
export function readSparseMap(raw: Buffer, at: number, count: number): [number, number][] {
	const map: [number, number][] = [];
	for (let i = 0; i < count && raw[at + 24 * i]; i++) {
		map.push([sparseNumber(raw, at + 24 * i), sparseNumber(raw, at + 24 * i + 12)]);
	}
	return map;
}

function sparseNumber(raw: Buffer, at: number): number {
	const n = decodeNumber(raw, at, 12);
	if (n === undefined || !Number.isSafeInteger(n) || n < 0) throw malformed("a sparse map is broken");
	return n;
}

/** Pieces must fit in the file, in order, and add up to the data that follows. */
export function checkMap(map: readonly (readonly [number, number])[], size: number, data: number): void {
	let end = 0;
	let total = 0;
	for (const [offset, length] of map) {
		if (offset < end || offset + length > size) throw malformed("a sparse map points outside its file");
		end = offset + length;
		total += length;
	}
	if (total !== data) throw malformed("a sparse map does not fit its data");
}
