/**
 * Being attached: the monitor copies the streams, this process passes on signals and window sizes and waits for the end
 * (native/monitor.h has the messages).
 */

import type { Attachment, MonitorClient, MonitorEvent } from "../../runtime/monitor.ts";
import { exitCodeOf, FORWARDED_SIGNALS, SIGINT, SIGTERM } from "../../runtime/signals.ts";
import { EPIPE, errnoText } from "../../sys/errno.ts";
import { isOpen } from "../../sys/fd.ts";
import { isTerminal, rawMode, windowSize } from "../../sys/terminal.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../flags/parse-keys.ts";
import { complain } from "../output/output.ts";

export interface SessionOptions {
	readonly tty: boolean;
	readonly stdin: boolean;
	readonly signals: CaughtSignals;
	/** Passes a signal on; undefined: --sig-proxy=false. */
	readonly forward: ((signal: number) => void) | undefined;
}

export type SessionEnd =
	| { readonly kind: "exited"; readonly code: number }
	/** An output of ours takes no more, for the reason `errno`. */
	| { readonly kind: "broken"; readonly stream: "stdout" | "stderr"; readonly errno: number }
	| { readonly kind: "detached" | "lost" | "forced" };

/** The keys of --detach-keys, or docker's; without a terminal none. */
export function detachKeys(given: string | undefined, tty: boolean): Uint8Array {
	const keys = given === undefined ? DEFAULT_DETACH_KEYS : parseDetachKeys(given);
	if (keys) return tty ? keys : new Uint8Array();
	complain(`invalid detach keys: "${given}", the default is used: ctrl-p,ctrl-q\n`);
	return DEFAULT_DETACH_KEYS;
}

/** This process's own streams, as far as they are wanted. With a terminal, standard error is part of the output. */
export function ownStreams(
	streams: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
	options: { readonly tty: boolean; readonly keys: Uint8Array; readonly lease: boolean },
): Attachment {
	return {
		...(streams.stdin && isOpen(0) ? { stdin: 0 } : {}),
		...(streams.stdout && isOpen(1) ? { stdout: 1 } : {}),
		...(streams.stderr && !options.tty && isOpen(2) ? { stderr: 2 } : {}),
		detachKeys: options.keys,
		lease: options.lease,
	};
}

export const terminalSize = (tty: boolean) => (tty ? windowSize(1) : { rows: 0, columns: 0 });

/** How long a container that may be over at once is waited for without handing the thread to the event loop. */
const SHORT_MS = 20;
const GIVE_UP_AFTER = 3;

/**
 * The terminal as it is until the session ends: every key is the container's, every byte of output as it comes. From
 * before the program starts, whose first line would else be translated twice.
 */
export const rawTerminal = (tty: boolean, stdin: boolean): Disposable | undefined =>
	tty && stdin && isTerminal(0) ? rawMode(0) : undefined;

/** Waits for the end of the session. The terminal is raw already. */
export async function attend(client: MonitorClient, options: SessionOptions): Promise<SessionEnd> {
	using _size = options.tty ? followSize(client) : undefined;
	const forced = Promise.withResolvers<SessionEnd>();
	let asked = 0;
	options.signals.deliver((signal) => {
		options.forward?.(signal);
		if ((signal !== SIGINT && signal !== SIGTERM) || ++asked < GIVE_UP_AFTER) return;
		complain(`\ngot ${GIVE_UP_AFTER} SIGTERM/SIGINTs, forcefully exiting\n`);
		forced.resolve({ kind: "forced" });
	});
	const early = client.nextWithin(SHORT_MS);
	return (early && endOf(early)) ?? (await Promise.race([forced.promise, wait(client)]));
}

async function wait(client: MonitorClient): Promise<SessionEnd> {
	for (;;) {
		const end = endOf(await client.next());
		if (end) return end;
	}
}

function endOf(event: MonitorEvent): SessionEnd | undefined {
	switch (event.type) {
		case "exited":
			return { kind: "exited", code: exitCodeOf(event.a) };
		case "detached":
			return { kind: "detached" };
		case "broken":
			return { kind: "broken", stream: event.a === 0 ? "stdout" : "stderr", errno: event.b };
		case "closed":
			return { kind: "lost" };
		default:
			return undefined;
	}
}

const SIGPIPE = 13;

/** What the command answers for its session. */
export function exitCodeOfSession(end: SessionEnd): number {
	switch (end.kind) {
		case "exited":
			return end.code;
		case "detached":
			return 0;
		case "broken":
			if (end.errno === EPIPE) return 128 + SIGPIPE; // as if the write had been ours
			complain(`write /dev/${end.stream}: ${errnoText(end.errno)}\n`);
			return 1;
		case "lost":
			complain("The container's monitor was killed: how the container ended is not known\n");
			return 255;
		default:
			return 1;
	}
}

/** Tells the container's terminal the size of this one, now and whenever it changes. */
function followSize(client: MonitorClient): Disposable {
	const tell = () => {
		const { rows, columns } = windowSize(1);
		if (rows) client.resize(rows, columns);
	};
	process.on("SIGWINCH", tell);
	tell(); // it may have changed since the plan was made
	return {
		[Symbol.dispose]() {
			process.off("SIGWINCH", tell);
		},
	};
}

/** Signals that came to this command: kept until there is a process to pass them on to. */
export interface CaughtSignals {
	deliver(to: (signal: number) => void): void;
}

/**
 * Catches the signals that are for the container's process, from before it starts: one that comes in between must not
 * end this command and leave the container alone. With `proxy` off they act on this command as usual.
 */
export function catchSignals(proxy: boolean, tty: boolean): CaughtSignals {
	const kept: number[] = [];
	let receiver: ((signal: number) => void) | undefined;
	for (const { name, number } of proxy ? FORWARDED_SIGNALS : []) {
		if (tty && name === "SIGWINCH") continue;
		process.on(name, () => {
			if (receiver) receiver(number);
			else kept.push(number);
		});
	}
	return {
		deliver(to) {
			receiver = to;
			for (const signal of kept.splice(0)) to(signal);
		},
	};
}
