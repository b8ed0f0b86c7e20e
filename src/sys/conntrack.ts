/** Connections that the kernel keeps track of (nf_conntrack), over ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h). */
import { debug } from "../log.ts";
import { SyscallError } from "./errno.ts";
import { encodeMessage, u32 } from "./netlink-message.ts";
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

/**
 * Forgets the connections that are answered from this address. A rule decides over the first packet of a connection alone: what
 * goes on would otherwise reach whoever has the address next. The kernel chooses them itself (a filter, Linux 5.8); an older
 * one leaves them to time out. `ip`: 4 or 16 bytes.
 */
export function forgetConnections(ip: Uint8Array): void {
	const isV6 = ip.length === 16;
	const header = Uint8Array.of(isV6 ? AF_INET6 : AF_INET, 0, 0, 0); // struct nfgenmsg
	const message = encodeMessage((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, 0, header, [
		[CTA_TUPLE_REPLY, [[CTA_TUPLE_IP, [[isV6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, ip]]]]],
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
