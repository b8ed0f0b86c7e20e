/**
 * The rules of iptables-legacy, as the kernel of before nf_tables keeps them (include/uapi/linux/netfilter_ipv4/ip_tables.h): only
 * looked at, for a table is replaced as a whole there, and is its user's.
 */
import { SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { textIfThere } from "./fs.ts";
import { fromLatin1 } from "./text.ts";

const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IPPROTO_RAW = 255;
const IPT_SO_GET_INFO = 64;
const IPT_SO_GET_ENTRIES = 65;
const NF_INET_FORWARD = 2;
/** A verdict is written as -(NF_DROP) - 1. */
const DROP = -1;

/** struct ipt_getinfo: name, valid hooks, five first entries, five last ones, how many, bytes of all. */
const INFO = { size: 32 + 4 + 20 + 20 + 4 + 4, first: 36, last: 56, bytes: 80 };
/** struct ipt_get_entries: name, size, and the entries, aligned. */
const HEADER = 40;
/** struct ipt_entry: interfaces (struct ipt_ip), where the next one is; behind it, and the head of its target, a verdict. */
const ENTRY = { input: 16, output: 32, targetOffset: 88, nextOffset: 90 };
const TARGET_HEAD = 32;

/** What of the interfaces its FORWARD chain names; undefined: there is no such table, or what nobody accepts is let through. */
export function legacyForward(): { readonly names: ReadonlySet<string> } | undefined {
	if (!textIfThere("/proc/net/ip_tables_names")?.split("\n").includes("filter")) return undefined;
	const made = trySyscall("socket", AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (made < 0) return undefined;
	using socket = new Fd(made);
	try {
		return forwardOf(socket.number);
	} catch (error) {
		if (error instanceof SyscallError) return undefined; // changed meanwhile, or not ours to see
		throw error;
	}
}

function forwardOf(socket: number): { names: Set<string> } | undefined {
	const ask = (option: number, size: number): DataView => {
		const bytes = new Uint8Array(size);
		bytes.set(new TextEncoder().encode("filter"));
		const view = new DataView(bytes.buffer);
		if (option === IPT_SO_GET_ENTRIES) view.setUint32(32, size - HEADER, true);
		syscall("getsockopt", "iptables", socket, IPPROTO_IP, option, bytes, new Uint32Array([size]));
		return view;
	};
	const info = ask(IPT_SO_GET_INFO, INFO.size);
	const [first, last] = [INFO.first, INFO.last].map((at) => info.getUint32(at + 4 * NF_INET_FORWARD, true)) as [
		number,
		number,
	];
	const table = ask(IPT_SO_GET_ENTRIES, HEADER + info.getUint32(INFO.bytes, true));
	const entry = (at: number) => HEADER + at;
	const policy = table.getInt32(
		entry(last) + table.getUint16(entry(last) + ENTRY.targetOffset, true) + TARGET_HEAD,
		true,
	);
	if (policy !== DROP) return undefined;
	const names = new Set<string>();
	for (let at = first; at < last; at += table.getUint16(entry(at) + ENTRY.nextOffset, true) || last) {
		for (const place of [ENTRY.input, ENTRY.output]) {
			const name = fromLatin1(new Uint8Array(table.buffer, entry(at) + place, 16)).split("\0")[0];
			if (name) names.add(name);
		}
	}
	return { names };
}
