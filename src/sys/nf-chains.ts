/** The chains and rules of nf_tables as the kernel lists them (NFT_MSG_GETCHAIN, NFT_MSG_GETRULE), whoever made them. */
import { decodeAttributes, decodeString, encodeMessage, NLM_F_DUMP } from "./netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";
import {
	type ForeignChain,
	HOOKS,
	NFNL_SUBSYS_NFTABLES,
	NFT_MSG_GETRULE,
	NFTA_CHAIN_HOOK,
	NFTA_CHAIN_NAME,
	NFTA_CHAIN_POLICY,
	NFTA_CHAIN_TABLE,
	NFTA_HOOK_HOOKNUM,
	NFTA_RULE_CHAIN,
	NFTA_RULE_HANDLE,
	NFTA_RULE_TABLE,
	NFTA_RULE_USERDATA,
} from "./nf-tables.ts";

const NFT_MSG_GETCHAIN = 4;
/** struct nfgenmsg: any family. */
const ANY_FAMILY = Uint8Array.of(0, 0, 0, 0);

export interface Chain {
	/** NFPROTO_ number. */
	readonly family: number;
	readonly table: string;
	readonly name: string;
	/** undefined: no base chain, or of another hook. */
	readonly hook: keyof typeof HOOKS | undefined;
	/** NF_ACCEPT or NF_DROP; of a base chain. */
	readonly policy: number | undefined;
}

/** The chains of all tables of all families, whoever made them. */
export function listChains(): Chain[] {
	using socket = new NetlinkSocket(NETLINK_NETFILTER);
	const type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN;
	const request = encodeMessage(type, NLM_F_DUMP, ANY_FAMILY, []);
	return socket.request("nf_tables chains", request).map(({ payload }) => {
		const attributes = decodeAttributes(payload.subarray(4));
		const text = (number: number) => decodeString(attributes.get(number) ?? new Uint8Array());
		const base = decodeAttributes(attributes.get(NFTA_CHAIN_HOOK) ?? new Uint8Array());
		const hook = readU32be(base.get(NFTA_HOOK_HOOKNUM));
		return {
			family: payload[0] ?? 0,
			table: text(NFTA_CHAIN_TABLE),
			name: text(NFTA_CHAIN_NAME),
			hook: (Object.keys(HOOKS) as (keyof typeof HOOKS)[]).find((name) => HOOKS[name] === hook),
			policy: readU32be(attributes.get(NFTA_CHAIN_POLICY)),
		};
	});
}

const readU32be = (bytes: Uint8Array | undefined): number | undefined =>
	bytes && bytes.length >= 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : undefined;

/** The rules of all chains that have this comment. */
export function rulesWithComment(comment: string): (ForeignChain & { readonly handle: Uint8Array })[] {
	using socket = new NetlinkSocket(NETLINK_NETFILTER);
	const type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETRULE;
	const wanted = new TextEncoder().encode(`${comment}\0`);
	return socket.request("nf_tables rules", encodeMessage(type, NLM_F_DUMP, ANY_FAMILY, [])).flatMap(({ payload }) => {
		const attributes = decodeAttributes(payload.subarray(4));
		const userdata = attributes.get(NFTA_RULE_USERDATA);
		const handle = attributes.get(NFTA_RULE_HANDLE);
		// A comment is the first of the notes: its type, its length, and the text.
		if (!userdata || !handle || !startsWith(userdata.subarray(2), wanted)) return [];
		const text = (number: number) => decodeString(attributes.get(number) ?? new Uint8Array());
		return [{ family: payload[0] ?? 0, table: text(NFTA_RULE_TABLE), name: text(NFTA_RULE_CHAIN), handle }];
	});
}

const startsWith = (bytes: Uint8Array, wanted: Uint8Array): boolean =>
	bytes.length >= wanted.length && wanted.every((byte, i) => bytes[i] === byte);
