/** Published ports as elements of maps: protocol and port of the host → address and port of the container. Pure. */
import { concat, u16be } from "../sys/netlink-message.ts";
import type { Element } from "../sys/nf-sets.ts";

/** On every address of the host; on one of them. */
export const PORTS = "ports";
export const PORTS_AT = "ports_at";
/** The same of IPv6. */
export const PORTS6 = "ports6";
export const PORTS6_AT = "ports6_at";
/** Addresses and ports of containers that are reached as they are (docker's gateway mode "routed"). */
export const OPEN = "open";
export const OPEN6 = "open6";

export interface PublishedPort {
	readonly protocol: "tcp" | "udp" | "sctp";
	/** Of the host; undefined: every address of the family. As bytes: 4 or 16, like that of the container. */
	readonly hostIp: Uint8Array | undefined;
	readonly hostPort: number;
	readonly ip: Uint8Array;
	readonly port: number;
	/** Not by an address of the host, but by its own. */
	readonly isRouted: boolean;
}

/** As IP numbers them. */
export const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Each part of a concatenated key begins at a multiple of four bytes. */
const word = (bytes: Uint8Array): Uint8Array => {
	const padded = new Uint8Array(4);
	padded.set(bytes);
	return padded;
};

export function portMessages(
	change: (table: string, set: string, elements: readonly Element[]) => Uint8Array[],
	table: string,
	ports: readonly PublishedPort[],
): Uint8Array[] {
	const sets = new Map<string, Element[]>();
	for (const one of ports) {
		const { set, ...element } = elementOf(one);
		sets.set(set, [...(sets.get(set) ?? []), element]);
	}
	return [...sets].flatMap(([set, elements]) => change(table, set, elements));
}

function elementOf({ protocol, hostIp, hostPort, ip, port, isRouted }: PublishedPort): Element & { set: string } {
	const isV6 = ip.length === 16;
	const kind = word(Uint8Array.of(PROTOCOLS[protocol]));
	if (isRouted) return { set: isV6 ? OPEN6 : OPEN, key: concat([kind, ip, word(u16be(port))]) };
	const data = concat([ip, word(u16be(port))]);
	const hostWord = word(u16be(hostPort));
	if (hostIp === undefined) return { set: isV6 ? PORTS6 : PORTS, key: concat([kind, hostWord]), data };
	return { set: isV6 ? PORTS6_AT : PORTS_AT, key: concat([kind, hostIp, hostWord]), data };
}
