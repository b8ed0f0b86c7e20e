/**
 * Numbers of a tar header: octal digits between blanks and NULs, or, where they would not fit, the bytes of the number
 * itself behind a set first bit (GNU's base 256, which Go, Python and libarchive write too). Pure.
 */

/** A number that is too large for a JavaScript integer is ±Infinity; undefined: it is none. Nothing at all is 0. */
export function decodeNumber(raw: Uint8Array, at: number, length: number): number | undefined {
	const first = raw[at] ?? 0;
	return first & 0x80 ? binaryNumber(raw, at, length) : octalNumber(raw, at, length);
}

/** Two's complement; the first bit only says which form it is, and the next one is the sign. */
function binaryNumber(raw: Uint8Array, at: number, length: number): number {
	const negative = ((raw[at] ?? 0) & 0x40) !== 0;
	let value = negative ? (raw[at] ?? 0) - 0x100 : (raw[at] ?? 0) & 0x7f;
	for (let i = 1; i < length; i++) value = value * 0x100 + (raw[at + i] ?? 0);
	if (Number.isSafeInteger(value)) return value;
	return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0;

function octalNumber(raw: Uint8Array, at: number, length: number): number | undefined {
	let i = at;
	const end = at + length;
	while (i < end && isBlank(raw[i] ?? 0)) i++;
	let value = 0;
	for (; i < end && !isBlank(raw[i] ?? 0); i++) {
		const digit = (raw[i] ?? 0) - 0x30;
		if (digit < 0 || digit > 7) return undefined;
		value = value * 8 + digit;
	}
	// What follows the first blank is not looked at: some writers leave there what was in their buffers.
	return value;
}

const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

/** The sum of all bytes, with blanks for the sum itself; some writers of old took bytes for signed ones. */
export function checksumHolds(raw: Uint8Array): boolean {
	let unsigned = 0x20 * CHECKSUM_BYTES;
	let high = 0;
	for (let i = 0; i < raw.length; i++) {
		if (i === CHECKSUM_AT) i += CHECKSUM_BYTES;
		const byte = raw[i] ?? 0;
		unsigned += byte;
		if (byte & 0x80) high++;
	}
	const said = decodeNumber(raw, CHECKSUM_AT, CHECKSUM_BYTES);
	return said === unsigned || said === unsigned - high * 0x100;
}
