/** Sockets that programs outside are waited for at: ip(7), ipv6(7), tcp(7), udp(7). */
import { EADDRINUSE, EADDRNOTAVAIL, SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { formatIpv4, ipv4Bytes, parseIpv4, readIpv4 } from "./ipv4.ts";
import { formatIpv6, parseIpv6 } from "./ipv6.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const BACKLOG = 4096;

export type Protocol = "tcp" | "udp" | "sctp";
/** SOCK_ type and IPPROTO_ number. */
const KINDS: Readonly<Record<Protocol, readonly [type: number, protocol: number]>> = {
	tcp: [1, 6],
	udp: [2, 17],
	sctp: [1, 132],
};

/** struct sockaddr_in or sockaddr_in6 of an address as text. Throws Error for what is none. */
export function socketAddress(ip: string, port: number): Uint8Array {
	const v4 = parseIpv4(ip);
	const v6 = v4 === undefined ? parseIpv6(ip) : undefined;
	if (v4 === undefined && v6 === undefined) throw new Error(`not an address: ${ip}`);
	const view = new DataView(new ArrayBuffer(v6 ? 28 : 16));
	view.setUint16(0, v6 ? AF_INET6 : AF_INET, true);
	view.setUint16(2, port);
	const bytes = new Uint8Array(view.buffer);
	if (v6) bytes.set(v6, 8);
	else bytes.set(ipv4Bytes(v4 ?? 0), 4);
	return bytes;
}

const SO_PROTOCOL = 38;

/** What a socket is bound to; undefined: it is none of those. */
export function boundTo(socket: number): { protocol: Protocol; ip: string; port: number } | undefined {
	const address = new DataView(new ArrayBuffer(28));
	const length = new Uint32Array([28]);
	const number = new Int32Array(1);
	if (trySyscall("getsockname", socket, address, length) < 0) return undefined;
	if (trySyscall("getsockopt", socket, SOL_SOCKET, SO_PROTOCOL, number, new Uint32Array([4])) < 0) return undefined;
	const protocol = (Object.keys(KINDS) as Protocol[]).find((name) => KINDS[name][1] === number[0]);
	const isV6 = address.getUint16(0, true) === AF_INET6;
	const bytes = new Uint8Array(address.buffer, isV6 ? 8 : 4, isV6 ? 16 : 4);
	if (!protocol) return undefined;
	return { protocol, ip: isV6 ? formatIpv6(bytes) : formatIpv4(readIpv4(bytes)), port: address.getUint16(2) };
}

/** Why there is no socket. */
export type Unbound = "in use" | "no such address" | "unsupported";

/**
 * A socket bound to the address, listening if it is one of connections; an IPv6 one is not also an IPv4 one. Returns why
 * not, where that is for the caller to tell. Throws SyscallError for all else.
 */
export function bindSocket(protocol: Protocol, ip: string, port: number): Fd | Unbound {
	const address = socketAddress(ip, port);
	const [type, number] = KINDS[protocol];
	const family = address.length === 16 ? AF_INET : AF_INET6;
	const made = trySyscall("socket", family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, number);
	if (made < 0) return "unsupported"; // the kernel has no IPv6, or no SCTP
	const socket = new Fd(made);
	const on = new Int32Array([1]);
	try {
		// Connections of one who had the port before, that are dying, don't hold it (TIME_WAIT).
		if (protocol !== "udp") syscall("setsockopt", "SO_REUSEADDR", made, SOL_SOCKET, SO_REUSEADDR, on, 4);
		if (family === AF_INET6) syscall("setsockopt", "IPV6_V6ONLY", made, IPPROTO_IPV6, IPV6_V6ONLY, on, 4);
		let result = trySyscall("bind", made, address, address.length);
		if (result === 0 && protocol !== "udp") result = trySyscall("listen", made, BACKLOG);
		if (result === 0) return new Fd(socket.release());
		if (result === -EADDRINUSE) return "in use";
		if (result === -EADDRNOTAVAIL) return "no such address";
		throw new SyscallError("bind", `${ip}:${port}`, -result);
	} finally {
		socket[Symbol.dispose]();
	}
}
