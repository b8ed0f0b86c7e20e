/** Connections that the kernel keeps track of (nf_conntrack), over ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h). */
import { debug } from "../log.ts";
import { SyscallError } from "./errno.ts";
import { type Attribute, encodeMessage, u8, u16be, u32 } from "./netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const AF_INET = 2;
const AF_INET6 = 10;
const CTA_TUPLE_REPLY = 2;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V6_SRC = 3;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_IP_SRC = 1;
const CTA_FILTER_PROTO_NUM = 8;
const CTA_FILTER_PROTO_SRC_PORT = 16;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;

/**
 * Forgets the connections that are answered from this address. A rule decides over the first packet of a connection alone: what
 * goes on would otherwise reach whoever has the address next. The kernel chooses them itself (a filter, Linux 5.8); an older
 * one leaves them to time out. `ip`: 4 or 16 bytes; `of`: only those to this port of it, by the number of the protocol.
 */
export function forgetConnections(ip: Uint8Array, of?: { readonly protocol: number; readonly port: number }): void {
	const isV6 = ip.length === 16;
	const proto: Attribute[] = of
		? [
				[
					CTA_TUPLE_PROTO,
					[
						[CTA_PROTO_NUM, u8(of.protocol)],
						[CTA_PROTO_SRC_PORT, u16be(of.port)],
					],
				],
			]
		: [];
	const flags = CTA_FILTER_IP_SRC | (of ? CTA_FILTER_PROTO_NUM | CTA_FILTER_PROTO_SRC_PORT : 0);
	const header = Uint8Array.of(isV6 ? AF_INET6 : AF_INET, 0, 0, 0); // struct nfgenmsg
	const message = encodeMessage((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, 0, header, [
		[CTA_TUPLE_REPLY, [[CTA_TUPLE_IP, [[isV6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, ip]]], ...proto]],
		[CTA_FILTER, [[CTA_FILTER_REPLY_FLAGS, u32(flags)]]],
	]);
	try {
		using socket = new NetlinkSocket(NETLINK_NETFILTER);
		socket.request("connections", message);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message);
	}
}
