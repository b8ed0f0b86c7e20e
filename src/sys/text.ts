/**
 * Text and bytes for the quick commands. Buffer does all of it too, but its first use in a process takes 0.2 ms, and that
 * of a TextEncoder 0.05. Nor are regular expressions used where a few characters are asked for: the first takes 0.07 ms.
 */

let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;

/** Text → UTF-8. */
export function utf8(text: string): Uint8Array {
	encoder ??= new TextEncoder();
	return encoder.encode(text);
}

/** The same into bytes that are there. Returns how many it took. */
export function utf8Into(text: string, bytes: Uint8Array): number {
	encoder ??= new TextEncoder();
	return encoder.encodeInto(text, bytes).written;
}

/** UTF-8 → text; what is none becomes U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
	decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
	return decoder.decode(bytes);
}

/** What system calls take as a name: text, or bytes that end with a NUL, for a name need not be UTF-8. */
export type Name = string | Uint8Array;

/** As it is shown. */
export const nameText = (name: Name): string =>
	typeof name === "string" ? name : fromUtf8(name.at(-1) === 0 ? name.subarray(0, -1) : name);

/** As many arguments as a call surely takes. */
const CHUNK = 8192;

/** Each byte → the character of that number: what the kernel writes, of which only ASCII is looked at. */
export function fromLatin1(bytes: Uint8Array): string {
	let text = "";
	for (let at = 0; at < bytes.length; at += CHUNK) {
		text += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK) as unknown as number[]);
	}
	return text;
}

/** Whether there is text, all of it of these characters. */
export function consistsOf(text: string, characters: string): boolean {
	for (let i = 0; i < text.length; i++) if (!characters.includes(text.charAt(i))) return false;
	return text !== "";
}

export const DIGITS = "0123456789";
export const HEX_DIGITS = "0123456789abcdef";
