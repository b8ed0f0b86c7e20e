/** Connections that the kernel keeps track of (nf_conntrack), over ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h). */
import { debug } from "../log.ts";
import { SyscallError } from "./errno.ts";
import { type Ipv4, ipv4Bytes } from "./ipv4.ts";
import { encodeMessage, u32 } from "./netlink-message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const AF_INET = 2;
const CTA_TUPLE_REPLY = 2;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_IP_V4_SRC = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_IP_SRC = 1;

/**
 * Forgets the connections that are answered from this address. A rule decides over the first packet of a connection alone: what
 * goes on would otherwise reach whoever has the address next. The kernel chooses them itself (a filter, Linux 5.8); an older
 * one leaves them to time out.
 */
export function forgetConnections(ip: Ipv4): void {
	const header = Uint8Array.of(AF_INET, 0, 0, 0); // struct nfgenmsg
	const message = encodeMessage((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, 0, header, [
		[CTA_TUPLE_REPLY, [[CTA_TUPLE_IP, [[CTA_IP_V4_SRC, ipv4Bytes(ip)]]]]],
		[CTA_FILTER, [[CTA_FILTER_REPLY_FLAGS, u32(CTA_FILTER_IP_SRC)]]],
	]);
	try {
		using socket = new NetlinkSocket(NETLINK_NETFILTER);
		socket.request("connections", message);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message);
	}
}
