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
import { type Expression, NFTA_DATA_VALUE } from "./nf-expressions.ts";

export const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_GETTABLE = 1;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_DELSETELEM = 14;
const NFPROTO_INET = 1;

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
const ENOENT = 2;

/** The hooks of the IP families (enum nf_inet_hooks). */
export const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
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

/** A chain that others jump to. */
export const newChain = (table: string, name: string): Uint8Array =>
	message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [
		[NFTA_CHAIN_TABLE, table],
		[NFTA_CHAIN_NAME, name],
	]);

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

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFT_SET_MAP = 8;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;

/** What the keys of a set are, or its data: `nft` knows types by number, the kernel asks for the length alone. */
export interface SetType {
	readonly number: number;
	/** Bytes. */
	readonly length: number;
}

/** libnftnl's note to itself, without which `nft` does not show names: keys are in the host's order (NFTNL_UDATA_SET_KEYBYTEORDER). */
const HOST_ORDER = Uint8Array.of(0, 4, 1, 0, 0, 0);

/** A set, or with `data` a map: an element is found in the same time however many there are. */
export const newSet = (table: string, name: string, id: number, key: SetType, data?: SetType): Uint8Array =>
	message(NFT_MSG_NEWSET, NLM_F_CREATE, [
		[NFTA_SET_TABLE, table],
		[NFTA_SET_NAME, name],
		[NFTA_SET_FLAGS, u32be(data ? NFT_SET_MAP : 0)],
		[NFTA_SET_KEY_TYPE, u32be(key.number)],
		[NFTA_SET_KEY_LEN, u32be(key.length)],
		[NFTA_SET_ID, u32be(id)],
		[NFTA_SET_USERDATA, HOST_ORDER],
		...(data
			? ([
					[NFTA_SET_DATA_TYPE, u32be(data.number)],
					[NFTA_SET_DATA_LEN, u32be(data.length)],
				] as Attribute[])
			: []),
	]);

export interface Element {
	readonly key: Uint8Array;
	/** Of a map: its value, or a verdict. */
	readonly data?: Uint8Array | Attribute;
}

/** How many elements go into one message: the length of a nested attribute is a 16-bit number. */
const ELEMENTS_AT_ONCE = 200;

function elementMessages(type: number, flags: number, table: string, set: string, elements: readonly Element[]) {
	const messages: Uint8Array[] = [];
	for (let at = 0; at < elements.length; at += ELEMENTS_AT_ONCE) {
		const some = elements.slice(at, at + ELEMENTS_AT_ONCE);
		messages.push(
			message(type, flags, [
				[NFTA_SET_ELEM_LIST_TABLE, table],
				[NFTA_SET_ELEM_LIST_SET, set],
				[NFTA_SET_ELEM_LIST_ELEMENTS, some.map(elementAttribute)],
			]),
		);
	}
	return messages;
}

function elementAttribute({ key, data }: Element): Attribute {
	const attributes: Attribute[] = [[NFTA_SET_ELEM_KEY, [[NFTA_DATA_VALUE, key]]]];
	if (data) attributes.push([NFTA_SET_ELEM_DATA, [data instanceof Uint8Array ? [NFTA_DATA_VALUE, data] : data]]);
	return [NFTA_LIST_ELEM, attributes];
}

export const addElements = (table: string, set: string, elements: readonly Element[]): Uint8Array[] =>
	elementMessages(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, elements);

/** Fails as a whole where one is not there. */
export const deleteElements = (table: string, set: string, elements: readonly Element[]): Uint8Array[] =>
	elementMessages(NFT_MSG_DELSETELEM, 0, table, set, elements);

export class NfTables implements Disposable {
	readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

	hasTable(table: string): boolean {
		return this.#isThere(`nf_tables table ${table}`, message(NFT_MSG_GETTABLE, 0, [[NFTA_TABLE_NAME, table]]));
	}

	/** Whether the set has the element; false as well where there is no such set or table. */
	hasElement(table: string, set: string, key: Uint8Array): boolean {
		const [asked] = elementMessages(NFT_MSG_GETSETELEM, 0, table, set, [{ key }]);
		return asked !== undefined && this.#isThere(`nf_tables set ${set}`, asked);
	}

	#isThere(what: string, asked: Uint8Array): boolean {
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
