/** IPv6 addresses as their sixteen bytes (RFC 4291, 2.2). */
import { ipv4Bytes, parseIpv4 } from "./ipv4.ts";

export type Ipv6 = Uint8Array;

/** undefined for what is no address; a zone ("%eth0") is none of it. */
export function parseIpv6(text: string): Ipv6 | undefined {
	const [before = "", after, ...more] = text.split("::");
	if (more.length) return undefined;
	const head = groupsOf(before);
	const tail = after === undefined ? [] : groupsOf(after);
	if (!head || !tail) return undefined;
	const missing = 8 - head.length - tail.length;
	if (after === undefined ? missing !== 0 : missing < 1) return undefined;
	const bytes = new Uint8Array(16);
	[...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, i) => {
		bytes[2 * i] = group >> 8;
		bytes[2 * i + 1] = group & 255;
	});
	return bytes;
}

/** The groups between colons; the last may be an IPv4 address, which is two. */
function groupsOf(text: string): number[] | undefined {
	if (text === "") return [];
	const groups: number[] = [];
	const parts = text.split(":");
	for (const [i, part] of parts.entries()) {
		const v4 = i === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
		if (v4 !== undefined) {
			const [a = 0, b = 0, c = 0, d = 0] = ipv4Bytes(v4);
			groups.push((a << 8) | b, (c << 8) | d);
		} else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
		else return undefined;
	}
	return groups;
}

/** As RFC 5952 has it: lower case, the longest run of zero groups as "::". */
export function formatIpv6(bytes: Ipv6): string {
	const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
	let start = -1;
	let length = 1; // one group alone is not shortened
	for (let i = 0; i < 8; i++) {
		let end = i;
		while (end < 8 && groups[end] === 0) end++;
		if (end - i > length) [start, length] = [i, end - i];
	}
	const text = (some: readonly number[]) => some.map((group) => group.toString(16)).join(":");
	return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}
