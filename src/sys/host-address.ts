/** The address of a host by its name: getaddrinfo(3), which asks what the machine's own programs ask. */
import { dlopen, read } from "bun:ffi";
import { addressOf } from "./errno.ts";
import { formatIpv4, readIpv4 } from "./ipv4.ts";
import { formatIpv6 } from "./ipv6.ts";

const AF_INET = 2;
/** Where struct addrinfo has its members, on machines of 64 bits. */
const AI_FAMILY = 4;
const AI_ADDR = 24;

/** The first address, as text; undefined: nobody knows it. It waits for the answer. */
export function hostAddress(name: string): string | undefined {
	const { symbols } = dlopen("libc.so.6", {
		getaddrinfo: { args: ["cstring", "ptr", "ptr", "ptr"], returns: "i32" },
		freeaddrinfo: { args: ["ptr"], returns: "void" },
	});
	const found = new BigUint64Array(1);
	const path = Buffer.from(`${name}\0`);
	if (symbols.getaddrinfo(path, null, null, addressOf(found) as never) !== 0) return undefined;
	const info = Number(found[0]) as never;
	try {
		const address = read.ptr(info, AI_ADDR) as never;
		const isV4 = read.i32(info, AI_FAMILY) === AF_INET;
		// struct sockaddr_in has it after four bytes, struct sockaddr_in6 after eight.
		const bytes = Uint8Array.from({ length: isV4 ? 4 : 16 }, (_, i) => read.u8(address, (isV4 ? 4 : 8) + i));
		return isV4 ? formatIpv4(readIpv4(bytes)) : formatIpv6(bytes);
	} finally {
		symbols.freeaddrinfo(info);
	}
}
