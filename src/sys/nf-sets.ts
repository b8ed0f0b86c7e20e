/** Sets and maps of nf_tables, and their elements. */
import { type Attribute, NLM_F_CREATE, u32be } from "./netlink-message.ts";
import { NFTA_DATA_VALUE } from "./nf-expressions.ts";
import { message, NFTA_LIST_ELEM } from "./nf-tables.ts";

const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_DELSETELEM = 14;
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

/** Asks whether there is such an element: refused where there is no such set or table either. */
export const getElement = (table: string, set: string, key: Uint8Array): Uint8Array =>
	elementMessages(NFT_MSG_GETSETELEM, 0, table, set, [{ key }])[0] ?? new Uint8Array();
