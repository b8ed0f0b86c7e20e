/** Unix sockets that carry descriptors (unix(7), SCM_RIGHTS). Messages keep their bounds: SOCK_SEQPACKET. */
import { addressOf, EAGAIN, EINTR, SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH, openat2 } from "./file.ts";
import { nodeFs } from "./node.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;

export function seqpacketPair(): [Fd, Fd] {
	const pair = new Int32Array(2);
	syscall("socketpair", "", AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
	return [new Fd(pair[0] ?? -1), new Fd(pair[1] ?? -1)];
}

/**
 * Connects to the socket `name` in the directory `dir`; undefined when nobody listens. The address goes through
 * /proc/self/fd, because sun_path holds 107 bytes and a run directory may be longer.
 */
export function connectSeqpacket(dir: string, name: string): Fd | undefined {
	let dirFd: Fd;
	try {
		dirFd = openat2(AT_FDCWD, dir, O_PATH | O_DIRECTORY);
	} catch {
		return undefined;
	}
	using parent = dirFd;
	using socket = new Fd(syscall("socket", "", AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	const path = new TextEncoder().encode(`/proc/self/fd/${parent.number}/${name}\0`);
	const address = new Uint8Array(2 + path.length);
	address[0] = AF_UNIX;
	address.set(path, 2);
	if (trySyscall("connect", socket.number, address, address.length) < 0) return undefined;
	return new Fd(socket.release());
}

/** `header` holds only addresses: what they point at must be held until the call is over. */
function keepAlive(...values: readonly NodeJS.TypedArray[]): number {
	let sum = 0;
	for (const value of values) sum += value.byteLength;
	return sum;
}

/** Sends one message, with descriptors if any are given. False when the other end is gone. */
export function sendMessage(socket: number, data: Uint8Array, fds: readonly number[] = []): boolean {
	const iov = new BigUint64Array([BigInt(addressOf(data)), BigInt(data.length)]);
	// struct cmsghdr { size_t len; int level; int type; } and the descriptors, aligned to 8
	const control = new DataView(new ArrayBuffer(16 + Math.ceil(fds.length / 2) * 8));
	control.setBigUint64(0, BigInt(16 + 4 * fds.length), true);
	control.setInt32(8, SOL_SOCKET, true);
	control.setInt32(12, SCM_RIGHTS, true);
	for (const [i, fd] of fds.entries()) control.setInt32(16 + 4 * i, fd, true);
	const controlBytes = new Uint8Array(control.buffer);
	// struct msghdr { name, namelen, iov, iovlen, control, controllen, flags }, eight bytes each
	const header = new BigUint64Array(7);
	header[2] = BigInt(addressOf(iov));
	header[3] = 1n;
	if (fds.length) {
		header[4] = BigInt(addressOf(controlBytes));
		header[5] = BigInt(controlBytes.length);
	}
	const sent = trySyscall("sendmsg", socket, header, MSG_NOSIGNAL) >= 0;
	keepAlive(iov, data, controlBytes);
	return sent;
}

/**
 * The other end closed with something of ours unread. That is told once, before what it has sent us: the next call
 * gives that (unix(7); net/unix/af_unix.c, unix_release_sock).
 */
const ECONNRESET = 104;

/** The next message, if one is there; undefined if not, an empty one at the end. Doesn't wait. */
export function receiveNow(socket: number, buffer: Uint8Array): Uint8Array | undefined {
	for (;;) {
		const n = trySyscall("recvfrom", socket, buffer, buffer.length, MSG_DONTWAIT, null, null);
		if (n === -EAGAIN) return undefined;
		if (n !== -EINTR && n !== -ECONNRESET) return buffer.subarray(0, Math.max(n, 0));
	}
}

/** Waits for the next message, blocking the process; an empty one at the end. */
export function receiveBlocking(socket: number, buffer: Uint8Array): Uint8Array {
	for (;;) {
		const n = trySyscall("recvfrom", socket, buffer, buffer.length, 0, null, null);
		if (n !== -EINTR && n !== -ECONNRESET) return buffer.subarray(0, Math.max(n, 0));
	}
}

/** Waits for the next message while the event loop (signals, timers) goes on; an empty one at the end. */
export function receive(socket: number, buffer: Uint8Array): Promise<Uint8Array> {
	return new Promise((resolve, reject) => {
		nodeFs().read(socket, buffer, 0, buffer.length, null, (error, n) => {
			const code = (error as NodeJS.ErrnoException | null)?.code;
			if (!error) resolve(buffer.subarray(0, n));
			else if (code === "ECONNRESET" || code === "EINTR") resolve(receiveBlocking(socket, buffer));
			else reject(new SyscallError("read", "control socket", Math.abs(error.errno ?? 0)));
		});
	});
}
