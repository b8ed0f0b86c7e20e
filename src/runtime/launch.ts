/**
 * Giving a monitor its plan, and the handshake until the container's program runs. The monitor makes the new process, in
 * its namespaces, while the plan for it is still being compiled here: that takes the kernel a millisecond.
 *
 *   NanoContainer                    monitor                         init
 *      │ plan (memfd) ─────────────────>│                               │
 *      │ attach (streams) ─────────────>│ clone3() ────────────────────>│
 *      │ compiles the plan              │                               │
 *      │<──────────────── sync 0 (pid)  │                               │
 *      │ go ───────────────────────────>│ ─────────────────────────────>│ mounts …
 *      │ makes the veth pair            │                               │
 *      │ go ───────────────────────────>│ ─────────────────────────────>│ network, rights …
 *      │<──────────────── started (pid) │<── socket closes: execve(2) ──│
 *      │<──────────────── exited        │<────────── wait(2) ───────────│
 *
 * A failing operation comes back as (index, errno) instead and is told in a sentence.
 */
import { EngineError } from "../errors.ts";
import { syscall } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { memfd } from "../sys/process.ts";
import { type Attachment, MonitorClient } from "./monitor.ts";
import { newMonitor, waitingMonitor } from "./monitor-process.ts";
import { type Operation, op } from "./operations.ts";
import { encodePlan, type PlanHeader } from "./plan-encode.ts";
import { startError } from "./start-error.ts";

/** Descriptors given to the monitor get the numbers from here on, in order. */
export const FIRST_PLAN_FD = 5;

export interface MonitorOptions {
	/** What ps(1) shows of it: 64 characters at most. */
	readonly id: string;
	/** Directory for its control socket; empty: none. */
	readonly liveDir: string;
	/** json-file log; empty: none. */
	readonly log: string;
	/** Where the exit is recorded; empty: nowhere. */
	readonly exit: string;
	readonly reaper: readonly string[];
	readonly terminal: boolean;
	readonly stdin: boolean;
	/** End of the first client's input ends the container's. */
	readonly stdinOnce: boolean;
	/** It is killed when the command that started it goes. */
	readonly tied?: boolean;
	/** The last of the descriptors is a file with health checks (engine/plan/health-plan.ts), which is whole before the plan runs. */
	readonly health?: boolean;
	/** How long a silent stream is waited for after the process has ended. */
	readonly quietMs: number;
}

/** The configuration of the monitor, which is the plan's first operation (native/monitor.c reads it). */
export function monitorOperation(options: MonitorOptions): Operation {
	const flags =
		(options.terminal ? 1 : 0) |
		(options.stdin ? 2 : 0) |
		(options.stdinOnce ? 4 : 0) |
		(options.tied ? 8 : 0) |
		(options.health ? 16 : 0);
	const strings = [options.id, options.liveDir, options.log, options.exit, ...options.reaper];
	return op.monitor(flags, options.quietMs, strings);
}

export interface LaunchRequest {
	readonly header: PlanHeader;
	/** The plan's first operation, which is the monitor's own. */
	readonly monitor: Operation;
	/** Become FIRST_PLAN_FD and on. */
	readonly fds: readonly number[];
	readonly attachment: Attachment | undefined;
}

/** Disposing of it only ends what timings() reads; a process that starts many containers does. */
export interface Launched extends Disposable {
	readonly pid: number;
	readonly monitorPid: number;
	/** "<st_dev>:<st_ino>" of the container's root directory; of an exec's "0:0". */
	readonly root: string;
	readonly client: MonitorClient;
	/** Nanoseconds each operation took. */
	readonly timings: () => number[];
}

/** The most that a plan can be: arguments and environment are 2 MB at most for execve(2). Only what is used is memory. */
const PLAN_SPACE = 16 * 1024 * 1024;

/**
 * A process in its namespaces that waits for its plan. Disposed of before it runs, it and its monitor are gone; after,
 * only how long its operations took can no longer be read.
 */
export class Launch implements Disposable {
	readonly #header: PlanHeader;
	readonly #planFile: Fd;
	readonly #client: MonitorClient;
	#launched = false;

	constructor(request: LaunchRequest) {
		this.#header = request.header;
		this.#planFile = memfd("plan", encodePlan(request.header, [request.monitor]).bytes, false);
		try {
			syscall("ftruncate", "plan", this.#planFile.number, PLAN_SPACE);
			this.#client = monitorWith([this.#planFile.number, ...request.fds]);
		} catch (error) {
			this.#planFile[Symbol.dispose]();
			throw error;
		}
		// It waits for this too: nothing that the container does can come earlier than our streams.
		if (request.attachment) this.#client.attach(request.attachment);
		else this.#client.wait();
	}

	/**
	 * Gives it its plan, and returns when the program runs. `onCreated` is called with its pid, stopped before the network
	 * is configured if the plan has a sync. On failure monitor and init are gone, and EngineError tells why.
	 */
	run(plan: readonly Operation[], onCreated: (pid: number) => void = () => {}): Launched {
		const encoded = encodePlan(this.#header, plan);
		if (encoded.bytes.length > PLAN_SPACE) throw new EngineError("invalid", "argument list too long");
		syscall("pwrite64", "plan", this.#planFile.number, encoded.bytes, encoded.bytes.length, 0);
		const pids = awaitStart(this.#client, plan, onCreated);
		this.#launched = true;
		return {
			...pids,
			root: rootOf(this.#planFile),
			client: this.#client,
			timings: () => timings(this.#planFile, encoded.resultsOffset, plan.length),
			[Symbol.dispose]: () => this[Symbol.dispose](),
		};
	}

	[Symbol.dispose](): void {
		if (!this.#launched) this.#client[Symbol.dispose](); // the monitor sees its first client leave, kills init and ends
		this.#planFile[Symbol.dispose]();
	}
}

/** A monitor that has the plan: the one that waits, unless it was lost or could not be begun, which a new one will tell. */
function monitorWith(fds: readonly number[]): MonitorClient {
	const waiting = waitingMonitor();
	if (waiting) {
		const client = new MonitorClient(waiting);
		if (client.awaitReady() && client.plan(fds)) return client;
		client[Symbol.dispose]();
	}
	const client = new MonitorClient(newMonitor());
	if (client.plan(fds)) return client;
	client[Symbol.dispose]();
	throw new EngineError("failed", "the monitor ended before it had its plan");
}

function awaitStart(client: MonitorClient, plan: readonly Operation[], onCreated: (pid: number) => void) {
	if (!client.awaitReady()) throw new EngineError("failed", "the monitor ended before the container started");
	for (;;) {
		const event = client.nextBlocking();
		switch (event.type) {
			case "sync":
				if (event.b === 0) {
					client.go();
					try {
						onCreated(event.a);
					} catch (error) {
						throw failureOf(client, plan) ?? error;
					}
					if (hasSync(plan)) client.go();
				}
				break;
			case "started":
				return { pid: event.a, monitorPid: client.monitorPid };
			case "failed":
				throw startError(plan[event.a], event.b);
			case "closed":
				throw new EngineError("failed", "the monitor ended before the container started");
			default:
				// Output can come, and its reader be gone, before we are told that the program runs.
				client.defer(event);
		}
	}
}

function hasSync(plan: readonly Operation[]): boolean {
	for (const { code } of plan) if (code === "sync") return true;
	return false;
}

/** If init has failed meanwhile, that is the reason, and not that it is gone. */
function failureOf(client: MonitorClient, plan: readonly Operation[]): EngineError | undefined {
	for (
		let event = client.nextWithin(SETTLE_MS);
		event && event.type !== "closed";
		event = client.nextWithin(SETTLE_MS)
	) {
		if (event.type === "failed") return startError(plan[event.a], event.b);
	}
	return undefined;
}

const SETTLE_MS = 100;

const ROOT_AT = 40; // root_dev and root_ino in native/plan.h

function rootOf(planFile: Fd): string {
	const root = new BigUint64Array(2);
	syscall("pread64", "plan", planFile.number, root, 16, ROOT_AT);
	return `${root[0]}:${root[1]}`;
}

function timings(planFile: Fd, offset: number, count: number): number[] {
	const results = new BigInt64Array(count);
	syscall("pread64", "plan", planFile.number, results, 8 * count, offset);
	return Array.from(results, Number);
}
