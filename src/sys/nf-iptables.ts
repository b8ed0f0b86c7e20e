/** Expressions as iptables-nft writes them: it must be able to read its own tables, with our rules in them. */
import {
	compare,
	DESTINATION_PORT,
	type Expression,
	loadMeta,
	loadPayload,
	NFT_CMP_EQ,
	NFT_META_IIFNAME,
	NFT_META_L4PROTO,
	NFT_META_OIFNAME,
} from "./nf-expressions.ts";

/** No longer than the name. */
const shortName = (name: string): Uint8Array => new TextEncoder().encode(`${name}\0`);
/** What iptables-nft has in each rule: packets and bytes are counted. */
export const counter = (): Expression => [
	"counter",
	[
		[1, new Uint8Array(8)], // NFTA_COUNTER_BYTES
		[2, new Uint8Array(8)], // NFTA_COUNTER_PACKETS
	],
];
/** `-i name` or `-o name` of iptables. */
export const interfaceOf = (direction: "in" | "out", name: string): Expression[] => [
	loadMeta(direction === "in" ? NFT_META_IIFNAME : NFT_META_OIFNAME),
	compare(NFT_CMP_EQ, shortName(name)),
];
/** `-p udp --dport 53` of iptables. */
export const destinationPort = (protocol: number, port: number): Expression[] => [
	loadMeta(NFT_META_L4PROTO),
	compare(NFT_CMP_EQ, Uint8Array.of(protocol)),
	loadPayload(2, DESTINATION_PORT, 2),
	compare(NFT_CMP_EQ, Uint8Array.of(port >> 8, port & 255)),
];
