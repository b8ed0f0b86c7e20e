/** A UDP socket that works on a link without an address (ip(7), socket(7): SO_BINDTODEVICE, SO_BROADCAST). */
import { EAGAIN, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import type { Ipv4 } from "./ipv4.ts";
import { poll } from "./process.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_BINDTODEVICE = 25;
const MSG_DONTWAIT = 0x40;

/** struct sockaddr_in: port and address in network order. */
function socketAddress(ip: Ipv4, port: number): Uint8Array {
	const view = new DataView(new ArrayBuffer(16));
	view.setUint16(0, AF_INET, true);
	view.setUint16(2, port);
	view.setUint32(4, ip);
	return new Uint8Array(view.buffer);
}

export class BroadcastSocket implements Disposable {
	readonly #fd: Fd;
	readonly #buffer = new Uint8Array(1500);

	constructor(device: string, port: number) {
		this.#fd = new Fd(syscall("socket", "udp", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
		const name = Buffer.from(device);
		const on = new Int32Array([1]);
		try {
			syscall("setsockopt", "SO_BROADCAST", this.#fd.number, SOL_SOCKET, SO_BROADCAST, on, 4);
			syscall("setsockopt", "SO_REUSEADDR", this.#fd.number, SOL_SOCKET, SO_REUSEADDR, on, 4);
			syscall("setsockopt", device, this.#fd.number, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
			syscall("bind", `port ${port}`, this.#fd.number, socketAddress(0, port), 16);
		} catch (error) {
			this.#fd[Symbol.dispose]();
			throw error;
		}
	}

	/** Sends to `ip`, by default to everybody on the link. Throws SyscallError: the link may be down. */
	send(bytes: Uint8Array, port: number, ip: Ipv4 = 0xffffffff): void {
		syscall("sendto", "udp", this.#fd.number, bytes, bytes.length, 0, socketAddress(ip, port), 16);
	}

	/** The next datagram, or undefined when `timeoutMs` passed. Good until the next call. */
	receive(timeoutMs: number): Uint8Array | undefined {
		if (!poll(this.#fd.number, timeoutMs)) return undefined;
		const n = trySyscall("recvfrom", this.#fd.number, this.#buffer, this.#buffer.length, MSG_DONTWAIT, null, null);
		if (n < 0 && n !== -EAGAIN) return undefined;
		return n > 0 ? this.#buffer.subarray(0, n) : undefined;
	}

	[Symbol.dispose](): void {
		this.#fd[Symbol.dispose]();
	}
}
