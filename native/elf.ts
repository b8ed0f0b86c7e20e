/** The few fields of ELF files that the build reads and changes (elf(5); 64 bit, little endian). */

export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PF_R = 4;
export const PF_X = 1;

const SEGMENT = 56;
const SECTION = 64;

/** One program header: where a part of the file lies in memory. All numbers are bytes. */
export interface Segment {
	readonly type: number;
	readonly flags: number;
	readonly offset: number;
	readonly address: number;
	readonly fileSize: number;
	readonly memorySize: number;
	readonly align: number;
}

export interface Elf {
	readonly entry: number;
	/** Where the program headers begin in the file. */
	readonly segmentsAt: number;
	readonly segments: readonly Segment[];
}

const number = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/** Reads the headers. `bytes` must reach behind the program headers. */
export function readElf(bytes: Uint8Array): Elf {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (view.getUint32(0) !== 0x7f454c46) throw new Error("not an ELF file");
	const segmentsAt = number(view, 32);
	const segments = Array.from({ length: view.getUint16(56, true) }, (_, i): Segment => {
		const at = segmentsAt + i * SEGMENT;
		return {
			type: view.getUint32(at, true),
			flags: view.getUint32(at + 4, true),
			offset: number(view, at + 8),
			address: number(view, at + 16),
			fileSize: number(view, at + 32),
			memorySize: number(view, at + 40),
			align: number(view, at + 48),
		};
	});
	return { entry: number(view, 24), segmentsAt, segments };
}

/** The bytes of the program headers. */
export function encodeSegments(segments: readonly Segment[]): Uint8Array {
	const view = new DataView(new ArrayBuffer(segments.length * SEGMENT));
	for (const [i, segment] of segments.entries()) {
		const at = i * SEGMENT;
		view.setUint32(at, segment.type, true);
		view.setUint32(at + 4, segment.flags, true);
		view.setBigUint64(at + 8, BigInt(segment.offset), true);
		view.setBigUint64(at + 16, BigInt(segment.address), true);
		view.setBigUint64(at + 24, BigInt(segment.address), true);
		view.setBigUint64(at + 32, BigInt(segment.fileSize), true);
		view.setBigUint64(at + 40, BigInt(segment.memorySize), true);
		view.setBigUint64(at + 48, BigInt(segment.align), true);
	}
	return new Uint8Array(view.buffer);
}

/**
 * The file with `gap` bytes of nothing before what begins at `from`. The program headers and, for debuggers, the section
 * headers follow; addresses stay. `gap` must be a multiple of the page, or the segments behind could not be mapped.
 */
export function withGap(file: Uint8Array, from: number, gap: number): Uint8Array {
	const wider = new Uint8Array(file.length + gap);
	wider.set(file.subarray(0, from));
	wider.set(file.subarray(from), from + gap);
	const view = new DataView(wider.buffer);
	const move = (at: number): number => {
		const offset = number(view, at);
		const moved = offset < from ? offset : offset + gap;
		view.setBigUint64(at, BigInt(moved), true);
		return moved;
	};
	const sectionsAt = move(40);
	for (let i = 0; i < view.getUint16(60, true); i++) move(sectionsAt + i * SECTION + 24);
	for (let i = 0; i < view.getUint16(56, true); i++) move(number(view, 32) + i * SEGMENT + 8);
	return wider;
}

/** Sets the entry point. */
export function setEntry(file: Uint8Array, entry: number): void {
	new DataView(file.buffer, file.byteOffset).setBigUint64(24, BigInt(entry), true);
}
