/** Published ports as elements of maps: protocol and port of the host → address and port of the container. Pure. */
import { type Ipv4, ipv4Bytes } from "../sys/ipv4.ts";
import { concat, u16be } from "../sys/netlink-message.ts";
import type { Element } from "../sys/nf-sets.ts";

/** On every address of the host. */
export const PORTS = "ports";
/** On one of them. */
export const PORTS_AT = "ports_at";

export interface PublishedPort {
	readonly protocol: "tcp" | "udp" | "sctp";
	/** undefined: every address of the host. */
	readonly hostIp: Ipv4 | undefined;
	readonly hostPort: number;
	readonly ip: Ipv4;
	readonly port: number;
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
	const everywhere: Element[] = [];
	const somewhere: Element[] = [];
	for (const { protocol, hostIp, hostPort, ip, port } of ports) {
		const key = [word(Uint8Array.of(PROTOCOLS[protocol])), word(u16be(hostPort))];
		const data = concat([ipv4Bytes(ip), word(u16be(port))]);
		if (hostIp === undefined) everywhere.push({ key: concat(key), data });
		else somewhere.push({ key: concat([key[0] ?? word(new Uint8Array()), ipv4Bytes(hostIp), ...key.slice(1)]), data });
	}
	return [...change(table, PORTS, everywhere), ...change(table, PORTS_AT, somewhere)];
}
