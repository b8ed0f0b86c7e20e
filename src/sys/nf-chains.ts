/** The chains of nf_tables as the kernel lists them (NFT_MSG_GETCHAIN), whoever made them. */
import { decodeAttributes, decodeString, encodeMessage, NLM_F_DUMP } from "./netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";
import {
	HOOKS,
	NFNL_SUBSYS_NFTABLES,
	NFTA_CHAIN_HOOK,
	NFTA_CHAIN_NAME,
	NFTA_CHAIN_POLICY,
	NFTA_CHAIN_TABLE,
	NFTA_HOOK_HOOKNUM,
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
