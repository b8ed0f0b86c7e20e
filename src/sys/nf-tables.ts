/**
 * nf_tables, as `nft` speaks it (include/uapi/linux/netfilter/nf_tables.h): tables, base chains and rules, sent as
 * one batch that the kernel applies whole or not at all. A rule is a list of expressions over registers:
 * load something into register 1, compare it, go on or stop.
 */
import {
	type Attribute,
	concat,
	decodeAttributes,
	decodeMessages,
	encodeMessage,
	NLM_F_ACK,
	NLM_F_APPEND,
	NLM_F_CREATE,
	u32be,
} from "./netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkError, NetlinkSocket } from "./netlink-socket.ts";
import type { Expression } from "./nf-expressions.ts";

export const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
const NFT_MSG_DELRULE = 8;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
const NFPROTO_INET = 1;

const NFTA_TABLE_NAME = 1;
export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
export const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
export const NFTA_RULE_USERDATA = 7;
const NFTNL_UDATA_RULE_COMMENT = 0;
export const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const ENOENT = 2;

/** The hooks of the IP families (enum nf_inet_hooks). */
export const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export const NF_DROP = 0;
export const NF_ACCEPT = 1;

/** struct nfgenmsg { u8 family; u8 version; be16 res_id } */
function header(family: number, resource = 0): Uint8Array {
	return Uint8Array.of(family, 0, resource >> 8, resource & 255);
}

/** A message of nf_tables, to our own family of tables unless another is named. */
export const message = (type: number, flags: number, attributes: Attribute[], family = NFPROTO_INET) =>
	encodeMessage((NFNL_SUBSYS_NFTABLES << 8) | type, flags, header(family), attributes);

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

/** A chain that others jump to. */
export const newChain = (table: string, name: string): Uint8Array =>
	message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [
		[NFTA_CHAIN_TABLE, table],
		[NFTA_CHAIN_NAME, name],
	]);

export function newRule(table: string, chain: string, expressions: readonly Expression[]): Uint8Array {
	return message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, ruleAttributes(table, chain, expressions));
}

const ruleAttributes = (table: string, chain: string, expressions: readonly Expression[]): Attribute[] => [
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
];

/** A chain of somebody else's table. */
export interface ForeignChain {
	/** NFPROTO_ number. */
	readonly family: number;
	readonly table: string;
	readonly name: string;
}

/** A rule before all others of a chain, with a comment by which it is known. */
export function insertRule(chain: ForeignChain, expressions: readonly Expression[], comment: string): Uint8Array {
	const text = new TextEncoder().encode(`${comment}\0`);
	const attributes: Attribute[] = [
		...ruleAttributes(chain.table, chain.name, expressions),
		[NFTA_RULE_USERDATA, concat([Uint8Array.of(NFTNL_UDATA_RULE_COMMENT, text.length), text])],
	];
	return message(NFT_MSG_NEWRULE, NLM_F_CREATE, attributes, chain.family);
}

export const deleteRule = ({ family, table, name }: ForeignChain, handle: Uint8Array): Uint8Array =>
	message(
		NFT_MSG_DELRULE,
		0,
		[
			[NFTA_RULE_TABLE, table],
			[NFTA_RULE_CHAIN, name],
			[NFTA_RULE_HANDLE, handle],
		],
		family,
	);

export class NfTables implements Disposable {
	readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

	/** A number that every change of any table raises by one, whoever made it. */
	generation(): number {
		const [answer] = this.#socket.request("nf_tables", message(NFT_MSG_GETGEN, 0, []));
		const id = answer && decodeAttributes(answer.payload.subarray(4)).get(NFTA_GEN_ID);
		return id ? new DataView(id.buffer, id.byteOffset).getUint32(0) : 0;
	}

	/** Whether the kernel finds what is asked for. */
	isThere(what: string, asked: Uint8Array): boolean {
		try {
			this.#socket.request(what, asked);
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
