/**
 * nf_tables, as `nft` speaks it (include/uapi/linux/netfilter/nf_tables.h): tables, base chains and rules, sent as
 * one batch that the kernel applies whole or not at all. A rule is a list of expressions over registers:
 * load something into register 1, compare it, go on or stop.
 */
import {
	type Attribute,
	concat,
	decodeMessages,
	encodeMessage,
	NLM_F_ACK,
	NLM_F_APPEND,
	NLM_F_CREATE,
	u32be,
} from "./netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkError, NetlinkSocket } from "./netlink-socket.ts";

export const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_GETTABLE = 1;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
export const NFPROTO_INET = 1;
export const NFPROTO_IPV4 = 2;

const NFTA_TABLE_NAME = 1;
export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
export const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFT_REG_VERDICT = 0;
const NFT_REG_1 = 1;
const ENOENT = 2;

const NF_INET_FORWARD = 2;
const NF_INET_POST_ROUTING = 4;
export const HOOKS = { forward: NF_INET_FORWARD, postrouting: NF_INET_POST_ROUTING } as const;
export const NF_DROP = 0;
export const NF_ACCEPT = 1;

/** struct nfgenmsg { u8 family; u8 version; be16 res_id } */
function header(family: number, resource = 0): Uint8Array {
	return Uint8Array.of(family, 0, resource >> 8, resource & 255);
}

const message = (type: number, flags: number, attributes: Attribute[]) =>
	encodeMessage((NFNL_SUBSYS_NFTABLES << 8) | type, flags, header(NFPROTO_INET), attributes);

export const newTable = (table: string): Uint8Array =>
	message(NFT_MSG_NEWTABLE, NLM_F_CREATE, [[NFTA_TABLE_NAME, table]]);

/** Removes a table with all its chains and rules. */
export const deleteTable = (table: string): Uint8Array => message(NFT_MSG_DELTABLE, 0, [[NFTA_TABLE_NAME, table]]);

export function newBaseChain(
	table: string,
	name: string,
	base: { type: "filter" | "nat"; hook: keyof typeof HOOKS; priority: number },
): Uint8Array {
	return message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [
		[NFTA_CHAIN_TABLE, table],
		[NFTA_CHAIN_NAME, name],
		[
			NFTA_CHAIN_HOOK,
			[
				[NFTA_HOOK_HOOKNUM, u32be(HOOKS[base.hook])],
				[NFTA_HOOK_PRIORITY, u32be(base.priority >>> 0)],
			],
		],
		[NFTA_CHAIN_POLICY, u32be(NF_ACCEPT)],
		[NFTA_CHAIN_TYPE, base.type],
	]);
}

/** An expression: its name and its attributes. */
export type Expression = readonly [name: string, attributes: readonly Attribute[]];

export function newRule(table: string, chain: string, expressions: readonly Expression[]): Uint8Array {
	return message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [
		[NFTA_RULE_TABLE, table],
		[NFTA_RULE_CHAIN, chain],
		[
			NFTA_RULE_EXPRESSIONS,
			expressions.map(
				([name, attributes]): Attribute => [
					NFTA_LIST_ELEM,
					[
						[NFTA_EXPR_NAME, name],
						[NFTA_EXPR_DATA, attributes],
					],
				],
			),
		],
	]);
}

const NFT_META_IIFNAME = 6;
const NFT_META_OIFNAME = 7;
const NFT_META_NFPROTO = 15;

const loadMeta = (key: number): Expression => [
	"meta",
	[
		[1, u32be(NFT_REG_1)], // NFTA_META_DREG
		[2, u32be(key)], // NFTA_META_KEY
	],
];

const NFT_CMP_EQ = 0;
const NFT_CMP_NEQ = 1;
const compare = (operator: number, value: Uint8Array): Expression => [
	"cmp",
	[
		[1, u32be(NFT_REG_1)], // NFTA_CMP_SREG
		[2, u32be(operator)], // NFTA_CMP_OP
		[3, [[NFTA_DATA_VALUE, value]]], // NFTA_CMP_DATA
	],
];

const mask = (bits: Uint8Array): Expression => [
	"bitwise",
	[
		[1, u32be(NFT_REG_1)], // NFTA_BITWISE_SREG
		[2, u32be(NFT_REG_1)], // NFTA_BITWISE_DREG
		[3, u32be(bits.length)], // NFTA_BITWISE_LEN
		[4, [[NFTA_DATA_VALUE, bits]]], // NFTA_BITWISE_MASK
		[5, [[NFTA_DATA_VALUE, new Uint8Array(bits.length)]]], // NFTA_BITWISE_XOR
	],
];

/** Interface names are compared whole: 16 bytes, the rest NUL. */
function interfaceName(name: string): Uint8Array {
	const bytes = new Uint8Array(16);
	bytes.set(new TextEncoder().encode(name));
	return bytes;
}

export const inputInterface = (name: string): Expression[] => [
	loadMeta(NFT_META_IIFNAME),
	compare(NFT_CMP_EQ, interfaceName(name)),
];
export const outputInterface = (name: string): Expression[] => [
	loadMeta(NFT_META_OIFNAME),
	compare(NFT_CMP_EQ, interfaceName(name)),
];
export const notOutputInterface = (name: string): Expression[] => [
	loadMeta(NFT_META_OIFNAME),
	compare(NFT_CMP_NEQ, interfaceName(name)),
];

/** `ip saddr network/prefix` */
export function sourceNetwork(network: number, prefix: number): Expression[] {
	const SADDR_OFFSET = 12; // in struct iphdr
	const bits = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
	return [
		loadMeta(NFT_META_NFPROTO),
		compare(NFT_CMP_EQ, Uint8Array.of(NFPROTO_IPV4)),
		[
			"payload",
			[
				[1, u32be(NFT_REG_1)], // NFTA_PAYLOAD_DREG
				[2, u32be(1)], // NFTA_PAYLOAD_BASE: NFT_PAYLOAD_NETWORK_HEADER
				[3, u32be(SADDR_OFFSET)],
				[4, u32be(4)], // NFTA_PAYLOAD_LEN
			],
		],
		mask(u32be(bits)),
		compare(NFT_CMP_EQ, u32be((network & bits) >>> 0)),
	];
}

/** `ct state established,related`. The state is a number of the host's byte order. */
export function connectionKnown(): Expression[] {
	const ESTABLISHED_OR_RELATED = Uint8Array.of(2 | 4, 0, 0, 0);
	return [
		[
			"ct",
			[
				[1, u32be(NFT_REG_1)], // NFTA_CT_DREG
				[2, u32be(0)], // NFTA_CT_KEY: NFT_CT_STATE
			],
		],
		mask(ESTABLISHED_OR_RELATED),
		compare(NFT_CMP_NEQ, new Uint8Array(4)),
	];
}

export const masquerade = (): Expression => ["masq", []];

export const verdict = (code: number): Expression => [
	"immediate",
	[
		[1, u32be(NFT_REG_VERDICT)], // NFTA_IMMEDIATE_DREG
		[2, [[NFTA_DATA_VERDICT, [[NFTA_VERDICT_CODE, u32be(code)]]]]], // NFTA_IMMEDIATE_DATA
	],
];

export class NfTables implements Disposable {
	readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

	hasTable(table: string): boolean {
		try {
			this.#socket.request(`nf_tables table ${table}`, message(NFT_MSG_GETTABLE, 0, [[NFTA_TABLE_NAME, table]]));
			return true;
		} catch (error) {
			if (error instanceof NetlinkError && error.errno === ENOENT) return false;
			throw error;
		}
	}

	/** Applies the messages as one transaction. */
	apply(what: string, messages: readonly Uint8Array[]): void {
		const begin = encodeMessage(NFNL_MSG_BATCH_BEGIN, 0, header(0, NFNL_SUBSYS_NFTABLES), []);
		const end = encodeMessage(NFNL_MSG_BATCH_END, 0, header(0, NFNL_SUBSYS_NFTABLES), []);
		const batch = concat([begin, ...messages, end]);
		let seq = 1;
		let at = 0;
		for (const { payload, flags } of decodeMessages(batch)) {
			const view = new DataView(batch.buffer, at);
			const inner = seq > 1 && seq < messages.length + 2;
			view.setUint16(6, inner ? flags | NLM_F_ACK : flags, true);
			view.setUint32(8, seq++, true);
			at += (16 + payload.length + 3) & ~3;
		}
		this.#socket.batch(what, batch, messages.length);
	}

	[Symbol.dispose](): void {
		this.#socket[Symbol.dispose]();
	}
}
