/**
 * The client's side of a monitor's control socket. The messages are drawn in native/monitor.h, whose twin this is.
 */
import { trySyscall } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { poll } from "../sys/process.ts";
import { connectSeqpacket, receive, receiveBlocking, receiveNow, sendMessage } from "../sys/unix-socket.ts";

const VERSION = 1;
const SHUT_RDWR = 2;
const ATTACH = 1;
const RESIZE = 2;
const GO = 3;
const WAIT = 4;
const REAPED = 5;
const PLAN = 6;
const EVENTS = {
	64: "sync",
	65: "failed",
	66: "started",
	67: "exited",
	68: "detached",
	69: "broken",
	70: "refused",
	71: "ready",
} as const;

/** What the monitor says; "closed" is its end. `a` and `b` are told in native/monitor.h. */
export interface MonitorEvent {
	readonly type: (typeof EVENTS)[keyof typeof EVENTS] | "closed";
	readonly a: number;
	readonly b: number;
}

export interface Attachment {
	/** The caller's own descriptors for the streams it wants. */
	readonly stdin?: number;
	readonly stdout?: number;
	readonly stderr?: number;
	readonly detachKeys: Uint8Array;
	/** Whoever holds the lease does the reaper's work when the container has ended. */
	readonly lease: boolean;
}

export class MonitorClient implements Disposable {
	readonly #socket: Fd;
	readonly #buffer = new Uint8Array(64);
	readonly #deferred: MonitorEvent[] = [];
	#monitorPid = 0;

	constructor(socket: Fd) {
		this.#socket = socket;
	}

	/** Connects to the monitor of a running container by its live directory; undefined when it is gone. */
	static connect(liveDir: string): MonitorClient | undefined {
		const socket = connectSeqpacket(liveDir, "control");
		return socket && new MonitorClient(socket);
	}

	/** Gives a new monitor its plan, and what the plan names by number. False: it is gone. */
	plan(fds: readonly number[]): boolean {
		return this.#send(PLAN, 0, 0, undefined, fds);
	}

	/** Waits for the first word of a new monitor, blocking the process; false: it has ended instead. */
	awaitReady(): boolean {
		if (this.#monitorPid === 0) {
			const event = this.nextBlocking();
			if (event.type === "ready") this.#monitorPid = event.a;
		}
		return this.#monitorPid !== 0;
	}

	/** Of one that is ready. */
	get monitorPid(): number {
		return this.#monitorPid;
	}

	attach(attachment: Attachment): void {
		const { stdin, stdout, stderr } = attachment;
		const fds: number[] = [];
		let flags = attachment.lease ? 8 : 0;
		for (const [i, fd] of [stdin, stdout, stderr].entries()) {
			if (fd === undefined) continue;
			fds.push(fd);
			flags |= 1 << i;
		}
		this.#send(ATTACH, flags, 0, attachment.detachKeys, fds);
	}

	resize(rows: number, columns: number): void {
		this.#send(RESIZE, rows, columns);
	}

	/** Lets init go on after a sync. */
	go(): void {
		this.#send(GO);
	}

	/** Asks to be told the exit: at once, or when all output is in the log. */
	wait(options: { readonly afterOutput: boolean } = { afterOutput: false }): void {
		this.#send(WAIT, options.afterOutput ? 1 : 0);
	}

	/** Gives the lease back: the reaper's work is done, once and for all, or until the container is to be started again. */
	reaped({ isFinal }: { readonly isFinal: boolean }): void {
		this.#send(REAPED, isFinal ? 0 : 1);
	}

	/** Puts an event back for the next one who asks: it came before its time. */
	defer(event: MonitorEvent): void {
		this.#deferred.push(event);
	}

	/** The next event, blocking the process. Not one that was deferred. */
	nextBlocking(): MonitorEvent {
		return decode(receiveBlocking(this.#socket.number, this.#buffer));
	}

	/** The next event if it comes within `timeoutMs`, blocking the process. */
	nextWithin(timeoutMs: number): MonitorEvent | undefined {
		const deferred = this.#deferred.shift();
		if (deferred) return deferred;
		if (!poll(this.#socket.number, timeoutMs)) return undefined;
		const bytes = receiveNow(this.#socket.number, this.#buffer);
		return bytes && decode(bytes);
	}

	/** The next event, while signals and timers go on. */
	async next(): Promise<MonitorEvent> {
		return this.#deferred.shift() ?? decode(await receive(this.#socket.number, this.#buffer));
	}

	#send(type: number, a = 0, b = 0, data: Uint8Array = new Uint8Array(), fds: readonly number[] = []): boolean {
		const bytes = new Uint8Array(12 + data.length);
		const view = new DataView(bytes.buffer);
		view.setUint16(0, VERSION, true);
		view.setUint16(2, type, true);
		view.setUint32(4, a, true);
		view.setUint32(8, b, true);
		bytes.set(data, 12);
		return sendMessage(this.#socket.number, bytes, fds);
	}

	/** Ends the connection, and with it what waits in next(). */
	shutDown(): void {
		trySyscall("shutdown", this.#socket.number, SHUT_RDWR);
	}

	[Symbol.dispose](): void {
		this.#socket[Symbol.dispose]();
	}
}

function decode(bytes: Uint8Array): MonitorEvent {
	if (bytes.length < 12) return { type: "closed", a: 0, b: 0 };
	const view = new DataView(bytes.buffer, bytes.byteOffset);
	const type = EVENTS[view.getUint16(2, true) as keyof typeof EVENTS] ?? "refused";
	return { type, a: view.getUint32(4, true), b: view.getUint32(8, true) };
}
