/**
 * The zone file of a network: what its name server (native/net/names.c) knows, a line a container. Pure, but for starting
 * the server. Fields are separated by blanks, several of one kind by commas; "-" stands for none.
 */
import type { Fd } from "../sys/fd.ts";
import { formatIpv4, type Ipv4 } from "../sys/ipv4.ts";

export interface ZoneMember {
	readonly id: string;
	/** Its first process, and when that started. */
	readonly pid: number;
	readonly startTime: number;
	readonly ip: Ipv4;
	/** "": none. */
	readonly ip6: string;
	/** The first is the one that its address is called by. */
	readonly names: readonly string[];
	/** Addresses of the servers that know other names. */
	readonly servers: readonly string[];
	/** IDs of its other networks, whose names it knows too. */
	readonly others: readonly string[];
	/** "alias:name": what it alone calls others. */
	readonly links: readonly string[];
}

/** What may stand in a field. */
const isWord = (text: string): boolean => /^[^\s,]+$/.test(text) && text !== "-";
const listOf = (words: readonly string[]): string => words.filter(isWord).join(",") || "-";

export const zoneLine = ({ id, pid, startTime, ip, ip6, names, servers, others, links }: ZoneMember): string =>
	[id, pid, startTime, formatIpv4(ip), ip6 || "-", listOf(names), listOf(servers), listOf(others), listOf(links)].join(
		" ",
	);

/** The file with the container's line in the place of the one it had; without `line`: with none of it. */
export function changedZone(text: string, id: string, line: string | undefined): string {
	const others = text.split("\n").filter((one) => one !== "" && !one.startsWith(`${id} `));
	return [...others, ...(line === undefined ? [] : [line])].map((one) => `${one}\n`).join("");
}

/** Starts the server, with sockets that are bound: whoever asks from now on is heard. Returns its pid. */
export const startNameServer = (
	spawn: (name: string, words: readonly string[], fds: readonly Fd[]) => number,
	network: { readonly zones: string; readonly id: string; readonly name: string },
	sockets: readonly [udp: Fd, tcp: Fd],
): number => spawn("nanocontainer-names", [network.zones, network.id, network.name], sockets);
