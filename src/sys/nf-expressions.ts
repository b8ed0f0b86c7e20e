/**
 * The expressions that a rule of nf_tables is made of (include/uapi/linux/netfilter/nf_tables.h): each loads something
 * into a register, or compares what is in one and goes on or stops. A register has four bytes; what is longer takes
 * those that follow.
 */
import { type Attribute, u32be } from "./netlink-message.ts";

/** Its name and its attributes. */
export type Expression = readonly [name: string, attributes: readonly Attribute[]];

export const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_REG_VERDICT = 0;
/** NFT_REG32_00 and those after it. */
const register = (number: number): Uint8Array => u32be(8 + number);

export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;
export type Family = typeof NFPROTO_IPV4 | typeof NFPROTO_IPV6;

export const NFT_META_IIFNAME = 6;
export const NFT_META_OIFNAME = 7;
const NFT_META_NFPROTO = 15;
export const NFT_META_L4PROTO = 16;

export const loadMeta = (key: number, to = 0): Expression => [
	"meta",
	[
		[1, register(to)], // NFTA_META_DREG
		[2, u32be(key)], // NFTA_META_KEY
	],
];

/** NFT_PAYLOAD_NETWORK_HEADER, NFT_PAYLOAD_TRANSPORT_HEADER */
type Header = 1 | 2;

export const loadPayload = (header: Header, offset: number, length: number, to = 0): Expression => [
	"payload",
	[
		[1, register(to)], // NFTA_PAYLOAD_DREG
		[2, u32be(header)], // NFTA_PAYLOAD_BASE
		[3, u32be(offset)],
		[4, u32be(length)],
	],
];

export const NFT_CMP_EQ = 0;
const NFT_CMP_NEQ = 1;
export const compare = (operator: number, value: Uint8Array): Expression => [
	"cmp",
	[
		[1, register(0)], // NFTA_CMP_SREG
		[2, u32be(operator)], // NFTA_CMP_OP
		[3, [[NFTA_DATA_VALUE, value]]], // NFTA_CMP_DATA
	],
];

const mask = (bits: Uint8Array): Expression => [
	"bitwise",
	[
		[1, register(0)], // NFTA_BITWISE_SREG
		[2, register(0)], // NFTA_BITWISE_DREG
		[3, u32be(bits.length)], // NFTA_BITWISE_LEN
		[4, [[NFTA_DATA_VALUE, bits]]], // NFTA_BITWISE_MASK
		[5, [[NFTA_DATA_VALUE, new Uint8Array(bits.length)]]], // NFTA_BITWISE_XOR
	],
];

/** Interface names are compared whole: 16 bytes, the rest NUL. */
export function interfaceName(name: string): Uint8Array {
	const bytes = new Uint8Array(16);
	bytes.set(new TextEncoder().encode(name));
	return bytes;
}

const REGISTERS_OF_A_NAME = 4;
export const inputInterface = (name: string): Expression[] => [
	loadMeta(NFT_META_IIFNAME),
	compare(NFT_CMP_EQ, interfaceName(name)),
];
export const notInputInterface = (name: string): Expression[] => [
	loadMeta(NFT_META_IIFNAME),
	compare(NFT_CMP_NEQ, interfaceName(name)),
];
export const outputInterface = (name: string): Expression[] => [
	loadMeta(NFT_META_OIFNAME),
	compare(NFT_CMP_EQ, interfaceName(name)),
];
function lookupExtra(data: "value" | "verdict" | "missing" | undefined): Attribute[] {
	if (data === "missing") return [[5, u32be(1)]]; // NFTA_LOOKUP_FLAGS: NFT_LOOKUP_F_INV
	if (data === undefined) return [];
	return [[3, data === "verdict" ? u32be(NFT_REG_VERDICT) : register(0)]]; // NFTA_LOOKUP_DREG
}

/** Of what is in the registers from 0 on. With `data`, what the map has for it comes there; or it goes on where the set has it not. */
const lookup = (set: string, data?: "value" | "verdict" | "missing"): Expression => [
	"lookup",
	[
		[1, set], // NFTA_LOOKUP_SET
		[2, register(0)], // NFTA_LOOKUP_SREG
		...lookupExtra(data),
	],
];

/** `iifname @set` */
export const inputInterfaceIn = (set: string): Expression[] => [loadMeta(NFT_META_IIFNAME), lookup(set)];
/** `oifname @set` */
export const outputInterfaceIn = (set: string): Expression[] => [loadMeta(NFT_META_OIFNAME), lookup(set)];
/** `oifname != @set` */
export const outputInterfaceNotIn = (set: string): Expression[] => [loadMeta(NFT_META_OIFNAME), lookup(set, "missing")];
/** `iifname . oifname vmap @map` */
export const interfacesVerdict = (map: string): Expression[] => [
	loadMeta(NFT_META_IIFNAME),
	loadMeta(NFT_META_OIFNAME, REGISTERS_OF_A_NAME),
	lookup(map, "verdict"),
];

/** `meta nfproto ipv4` or `ipv6` */
export const isFamily = (family: Family): Expression[] => [
	loadMeta(NFT_META_NFPROTO),
	compare(NFT_CMP_EQ, Uint8Array.of(family)),
];

/** Where addresses are in struct iphdr and struct ipv6hdr. */
const SOURCE: Readonly<Record<Family, number>> = { [NFPROTO_IPV4]: 12, [NFPROTO_IPV6]: 8 };
const DESTINATION: Readonly<Record<Family, number>> = { [NFPROTO_IPV4]: 16, [NFPROTO_IPV6]: 24 };
const LENGTH: Readonly<Record<Family, number>> = { [NFPROTO_IPV4]: 4, [NFPROTO_IPV6]: 16 };

const inNetwork = (family: Family, offset: number, network: Uint8Array, prefix: number): Expression[] => {
	const bits = new Uint8Array(LENGTH[family]).map((_, i) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - 8 * i))));
	return [
		...isFamily(family),
		loadPayload(1, offset, LENGTH[family]),
		mask(bits),
		compare(
			NFT_CMP_EQ,
			network.map((byte, i) => byte & (bits[i] ?? 0)),
		),
	];
};

/** `ip saddr network/prefix`, or `ip6` */
export const sourceNetwork = (family: Family, network: Uint8Array, prefix: number): Expression[] =>
	inNetwork(family, SOURCE[family], network, prefix);
/** `ip daddr network/prefix`, or `ip6` */
export const destinationNetwork = (family: Family, network: Uint8Array, prefix: number): Expression[] =>
	inNetwork(family, DESTINATION[family], network, prefix);

const RTN_LOCAL = 2;
/** `fib daddr type local`: the host's own addresses. A number of the host's byte order. */
export const destinationIsHost = (): Expression[] => [
	[
		"fib",
		[
			[1, register(0)], // NFTA_FIB_DREG
			[2, u32be(3)], // NFTA_FIB_RESULT: NFT_FIB_RESULT_ADDRTYPE
			[3, u32be(2)], // NFTA_FIB_FLAGS: NFTA_FIB_F_DADDR
		],
	],
	compare(NFT_CMP_EQ, Uint8Array.of(RTN_LOCAL, 0, 0, 0)),
];

export const DESTINATION_PORT = 2; // in the headers of TCP, UDP and SCTP alike

/** `meta l4proto . [ip daddr .] th dport` into the registers. */
const loadDestination = (family: Family, byAddress: boolean): Expression[] => [
	...isFamily(family),
	loadMeta(NFT_META_L4PROTO),
	...(byAddress ? [loadPayload(1, DESTINATION[family], LENGTH[family], 1)] : []),
	loadPayload(2, DESTINATION_PORT, 2, 1 + (byAddress ? LENGTH[family] / 4 : 0)),
];

/** `meta l4proto . [ip daddr .] th dport @map`: what the map has for it is in the registers then. */
export const destinationIn = (map: string, family: Family, byAddress = false): Expression[] => [
	...loadDestination(family, byAddress),
	lookup(map, "value"),
];

/** `meta l4proto . ip daddr . th dport @set` */
export const isIn = (set: string, family: Family): Expression[] => [...loadDestination(family, true), lookup(set)];

/** `dnat to meta l4proto . [ip daddr .] th dport map @map`: what the map has not goes on to the next rule. */
export const redirectBy = (map: string, family: Family, byAddress: boolean): Expression[] => {
	return [
		...destinationIn(map, family, byAddress),
		[
			"nat",
			[
				[1, u32be(1)], // NFTA_NAT_TYPE: NFT_NAT_DNAT
				[2, u32be(family)], // NFTA_NAT_FAMILY
				[3, register(0)], // NFTA_NAT_REG_ADDR_MIN
				[5, register(LENGTH[family] / 4)], // NFTA_NAT_REG_PROTO_MIN
			],
		],
	];
};

/** Some of the bits of a connection's state or status. They are numbers of the host's byte order. */
const connectionHas = (key: number, bits: number): Expression[] => [
	[
		"ct",
		[
			[1, register(0)], // NFTA_CT_DREG
			[2, u32be(key)], // NFTA_CT_KEY
		],
	],
	mask(Uint8Array.of(bits, 0, 0, 0)),
	compare(NFT_CMP_NEQ, new Uint8Array(4)),
];

const NFT_CT_STATE = 0;
const NFT_CT_STATUS = 2;
const ESTABLISHED_OR_RELATED = 2 | 4;
const IPS_DST_NAT = 32;
/** `ct state established,related` */
export const connectionKnown = (): Expression[] => connectionHas(NFT_CT_STATE, ESTABLISHED_OR_RELATED);
/** `ct status dnat` */
export const connectionRedirected = (): Expression[] => connectionHas(NFT_CT_STATUS, IPS_DST_NAT);

export const masquerade = (): Expression => ["masq", []];

/** As the data of a map, or of an immediate expression. */
export const verdictData = (code: number, chain?: string): Attribute => [
	NFTA_DATA_VERDICT,
	[[NFTA_VERDICT_CODE, u32be(code >>> 0)], ...(chain ? ([[NFTA_VERDICT_CHAIN, chain]] as Attribute[]) : [])],
];

export const verdict = (code: number, chain?: string): Expression => [
	"immediate",
	[
		[1, u32be(NFT_REG_VERDICT)], // NFTA_IMMEDIATE_DREG
		[2, [verdictData(code, chain)]], // NFTA_IMMEDIATE_DATA
	],
];

const NFT_JUMP = -3;
const NFT_RETURN = -5;
/** Goes on in another chain, and comes back where that decides nothing. */
export const jump = (chain: string): Expression => verdict(NFT_JUMP, chain);
export const goBack = (): Expression => verdict(NFT_RETURN);
