/** IPv4 addresses. */

/** An IPv4 address as a number. */
export type Ipv4 = number;

export const parseIpv4 = (text: string): Ipv4 | undefined => {
	const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
	if (!parts || parts.some((part) => part > 255)) return undefined;
	return parts.reduce((address, part) => address * 256 + part, 0);
};
export const formatIpv4 = (ip: Ipv4): string => [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join(".");

/** In network order. */
export function ipv4Bytes(ip: Ipv4): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, ip);
	return bytes;
}

/** The other way; 0 for what is no address. */
export function readIpv4(bytes: Uint8Array | undefined): Ipv4 {
	return bytes && bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0;
}
