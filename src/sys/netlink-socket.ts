/**
 * A netlink socket: sends requests, waits for each one's acknowledgement, and turns an error into errno plus the
 * kernel's own words (extended acknowledgement, Linux 4.12).
 */
import { SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import {
	decodeAttributes,
	decodeMessages,
	decodeString,
	type Message,
	NLM_F_ACK,
	NLM_F_DUMP,
	NLMSG_DONE,
	NLMSG_ERROR,
} from "./netlink-message.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
/** What any socket takes at once, and holds of answers. */
const ORDINARY_BUFFER = 64 * 1024;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const NETLINK_CAP_ACK = 10;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;
const NLMSGERR_ATTR_MSG = 1;
const EBUSY = 16;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** A request that the kernel refused: `code` is the name of the errno, the message holds the kernel's explanation. */
export class NetlinkError extends SyscallError {
	constructor(what: string, errno: number, explanation: string) {
		super("netlink", what, errno);
		if (explanation) this.message += ` (${explanation})`;
	}
}

export class NetlinkSocket implements Disposable {
	readonly #fd: Fd;
	readonly #buffer = new Uint8Array(64 * 1024);
	#seq = 1;

	constructor(protocol: number) {
		this.#fd = new Fd(syscall("socket", "netlink", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
		const on = new Int32Array([1]);
		trySyscall("setsockopt", this.#fd.number, SOL_NETLINK, NETLINK_EXT_ACK, on, 4);
		trySyscall("setsockopt", this.#fd.number, SOL_NETLINK, NETLINK_CAP_ACK, on, 4);
	}

	/**
	 * Sends one message and returns the answers; throws NetlinkError if the kernel refuses. `what` names the request
	 * in the error, as "link nanobridge".
	 */
	request(what: string, message: Uint8Array): Message[] {
		for (;;) {
			try {
				return this.#exchange(what, message);
			} catch (error) {
				// A dump that was overtaken by a change, or a table being committed: ask again.
				if (!(error instanceof NetlinkError) || error.errno !== EBUSY) throw error;
			}
		}
	}

	#exchange(what: string, message: Uint8Array): Message[] {
		const seq = this.#seq++;
		const view = new DataView(message.buffer, message.byteOffset);
		const flags = view.getUint16(6, true);
		const dump = (flags & NLM_F_DUMP) === NLM_F_DUMP;
		view.setUint16(6, dump ? flags : flags | NLM_F_ACK, true);
		view.setUint32(8, seq, true);
		syscall("sendto", what, this.#fd.number, message, message.length, 0, null, 0);
		return this.#collect(what, (answer) => answer.seq === seq, 1);
	}

	/**
	 * Sends several messages as one transaction (nf_tables). Each must carry NLM_F_ACK and a sequence number of its
	 * own; `acks` acknowledgements are awaited.
	 */
	batch(what: string, bytes: Uint8Array, acks: number): void {
		if (bytes.length > ORDINARY_BUFFER) {
			const size = new Int32Array([2 * bytes.length]);
			trySyscall("setsockopt", this.#fd.number, SOL_SOCKET, SO_SNDBUFFORCE, size, 4);
			trySyscall("setsockopt", this.#fd.number, SOL_SOCKET, SO_RCVBUFFORCE, size, 4);
		}
		syscall("sendto", what, this.#fd.number, bytes, bytes.length, 0, null, 0);
		this.#collect(what, () => true, acks);
	}

	#collect(what: string, mine: (message: Message) => boolean, acks: number): Message[] {
		const answers: Message[] = [];
		for (let left = acks; left > 0; ) {
			const n = syscall("recvfrom", what, this.#fd.number, this.#buffer, this.#buffer.length, 0, null, null);
			for (const message of decodeMessages(this.#buffer.slice(0, n))) {
				if (!mine(message)) continue;
				if (message.type === NLMSG_DONE) left--;
				else if (message.type === NLMSG_ERROR) {
					left--;
					checkAcknowledgement(what, message);
				} else answers.push(message);
			}
		}
		return answers;
	}

	[Symbol.dispose](): void {
		this.#fd[Symbol.dispose]();
	}
}

/** struct nlmsgerr { int error; struct nlmsghdr request; } and, with NLM_F_ACK_TLVS, attributes. */
function checkAcknowledgement(what: string, message: Message): void {
	const view = new DataView(message.payload.buffer, message.payload.byteOffset, message.payload.byteLength);
	const error = -view.getInt32(0, true);
	if (error === 0) return;
	let explanation = "";
	if (message.flags & NLM_F_ACK_TLVS) {
		const requestLength = message.flags & NLM_F_CAPPED ? 16 : view.getUint32(4, true);
		const text = decodeAttributes(message.payload.subarray(4 + requestLength)).get(NLMSGERR_ATTR_MSG);
		if (text) explanation = decodeString(text);
	}
	throw new NetlinkError(what, error, explanation);
}
