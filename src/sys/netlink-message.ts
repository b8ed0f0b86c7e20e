/**
 * Netlink messages as bytes, pure (netlink(7)):
 *
 *   struct nlmsghdr { u32 len; u16 type; u16 flags; u32 seq; u32 pid }   then a family's fixed header, then
 *   struct nlattr   { u16 len; u16 type } value, padded to 4             nested as deep as the family likes
 *
 * Everything is of the host's byte order, which is little endian on all machines that Bun runs on, except where a
 * family says otherwise: nf_tables wants big endian numbers in its attributes.
 */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** An attribute: its type, and its value as bytes, as a NUL-terminated string, or as attributes nested in it. */
export type Attribute = readonly [type: number, value: Uint8Array | string | readonly Attribute[]];

export const u8 = (n: number): Uint8Array => Uint8Array.of(n);
export const u16 = (n: number): Uint8Array => new Uint8Array(Uint16Array.of(n).buffer);
export const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
export function u32be(n: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, n);
	return bytes;
}

export const u16be = (n: number): Uint8Array => Uint8Array.of((n >> 8) & 255, n & 255);

const align4 = (n: number): number => (n + 3) & ~3;

export function concat(parts: readonly Uint8Array[]): Uint8Array {
	let size = 0;
	for (const part of parts) size += part.length;
	const out = new Uint8Array(size);
	let at = 0;
	for (const part of parts) {
		out.set(part, at);
		at += part.length;
	}
	return out;
}

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array {
	return concat(attributes.map(encodeAttribute));
}

function encodeAttribute([type, value]: Attribute): Uint8Array {
	const nested = Array.isArray(value);
	const body =
		typeof value === "string"
			? new TextEncoder().encode(`${value}\0`)
			: nested
				? encodeAttributes(value as readonly Attribute[])
				: (value as Uint8Array);
	const bytes = new Uint8Array(align4(4 + body.length));
	const view = new DataView(bytes.buffer);
	view.setUint16(0, 4 + body.length, true);
	view.setUint16(2, nested ? type | NLA_F_NESTED : type, true);
	bytes.set(body, 4);
	return bytes;
}

/** Asks for an acknowledgement of a message that is sent without NetlinkSocket. */
export function withAck(message: Uint8Array): Uint8Array {
	const view = new DataView(message.buffer, message.byteOffset);
	view.setUint16(6, view.getUint16(6, true) | NLM_F_ACK, true);
	return message;
}

/** One message. `header` is the family's fixed part, a multiple of 4 long. The sequence number is set on sending. */
export function encodeMessage(type: number, flags: number, header: Uint8Array, attributes: readonly Attribute[]) {
	const body = encodeAttributes(attributes);
	const bytes = new Uint8Array(16 + header.length + body.length);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, bytes.length, true);
	view.setUint16(4, type, true);
	view.setUint16(6, flags | NLM_F_REQUEST, true);
	bytes.set(header, 16);
	bytes.set(body, 16 + header.length);
	return bytes;
}

export interface Message {
	readonly type: number;
	readonly flags: number;
	readonly seq: number;
	/** What follows nlmsghdr. */
	readonly payload: Uint8Array;
}

/** Splits what one recv(2) gave into messages. A message that claims to be longer than the buffer ends the list. */
export function decodeMessages(bytes: Uint8Array): Message[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const messages: Message[] = [];
	for (let at = 0; at + 16 <= bytes.length; ) {
		const length = view.getUint32(at, true);
		if (length < 16 || at + length > bytes.length) break;
		messages.push({
			type: view.getUint16(at + 4, true),
			flags: view.getUint16(at + 6, true),
			seq: view.getUint32(at + 8, true),
			payload: bytes.subarray(at + 16, at + length),
		});
		at += align4(length);
	}
	return messages;
}

/** The attributes of `bytes`, by type; of several of one type the last. */
export function decodeAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const attributes = new Map<number, Uint8Array>();
	for (let at = 0; at + 4 <= bytes.length; ) {
		const length = view.getUint16(at, true);
		if (length < 4 || at + length > bytes.length) break;
		attributes.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
		at += align4(length);
	}
	return attributes;
}

/** A NUL-terminated string attribute. */
export function decodeString(bytes: Uint8Array): string {
	const end = bytes.indexOf(0);
	return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
