/** `stop`, and the waiting for an end that `rm -f` and `restart` share. */
import { EngineError } from "../../errors.ts";
import { MonitorClient, type MonitorEvent } from "../../runtime/monitor.ts";
import { parseSignal, SIGKILL, SIGTERM } from "../../runtime/signals.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer, getContainer } from "../../store/containers.ts";
import { pidfdKill, pidfdOpen, poll, startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { reap } from "../settle/reap.ts";
import { forgetRestart, forgetStop } from "./forget-restart.ts";
import { letGoOn } from "./pause.ts";

/** docker's, in seconds. */
export const DEFAULT_TIMEOUT = 10;
const NO_KEYS = new Uint8Array();

export interface StopOptions {
	/** Seconds; -1: for ever; undefined: the container's own. */
	readonly timeout: number | undefined;
	/** undefined: the container's own. */
	readonly signal: string | undefined;
	/** Who ends it starts it again: its policy goes on. */
	readonly isForRestart?: boolean;
	/** The machine goes down: the next boot finds it as if nobody had stopped it. */
	readonly endsWithMachine?: boolean;
}

/** Sends the stop signal, waits, and kills. */
export async function stop(engine: Engine, nameOrId: string, options: StopOptions): Promise<void> {
	const found = findContainer(engine.db, nameOrId);
	if (stopSignalOf(found, options.signal) === undefined) {
		throw new EngineError("invalid", `Invalid signal: ${options.signal}`);
	}
	if (!options.isForRestart) forgetRestart(engine, found);
	const container = settled(engine, found);
	if (container?.state.status === "running") await end(engine, container, options);
	if (options.endsWithMachine) forgetStop(engine, found.id);
}

async function end(engine: Engine, container: Container, options: StopOptions): Promise<void> {
	const signal = stopSignalOf(container, options.signal) ?? SIGTERM;
	const timeout = options.timeout ?? container.config.stopTimeout ?? DEFAULT_TIMEOUT;
	if (timeout === 0) await killAndWait(engine, container);
	else await endAndReap(engine, container, signal, timeout);
}

function stopSignalOf({ config }: Container, asked?: string): number | undefined {
	const name = asked || config.stopSignal;
	return name ? parseSignal(name) : SIGTERM;
}

/** A container that is being started comes to run, or not, in a moment: what it is then counts. undefined: it is gone. */
function settled(engine: Engine, container: Container): Container | undefined {
	if (container.state.status !== "starting") return container;
	using lock = engine.lock(container.id);
	return lock.container;
}

/** Kills it and returns at once: whoever waits for its end sees to the rest. */
export function killAtOnce({ state: { init } }: Pick<Container, "state">): void {
	using pidfd = init && startTime(init.pid) === init.startTime ? pidfdOpen(init.pid) : undefined;
	if (pidfd) pidfdKill(pidfd.number, SIGKILL);
}

/** Kills it and returns when it has been reaped. */
export async function killAndWait(engine: Engine, container: Container): Promise<void> {
	await endAndReap(engine, container, SIGKILL, -1);
}

async function endAndReap(engine: Engine, container: Container, signal: number, timeout: number): Promise<void> {
	const { init } = container.state;
	using pidfd = init && startTime(init.pid) === init.startTime ? pidfdOpen(init.pid) : undefined;
	using monitor = MonitorClient.connect(engine.paths.live(container.id));
	// With the lease the end is ours to tidy: no reaper process has to start.
	monitor?.attach({ detachKeys: NO_KEYS, lease: true });
	if (pidfd) {
		pidfdKill(pidfd.number, signal);
		letGoOn(engine, container);
		engine.letOthersIn();
		const ended = await within(timeout, monitor, pidfd.number);
		if (!ended) {
			pidfdKill(pidfd.number, SIGKILL);
			await within(-1, monitor, pidfd.number);
		}
	}
	const goesOn = reap(engine, container.id);
	monitor?.reaped({ isFinal: !goesOn || container.state.restartAsked !== null });
}

const STEP_MS = 1000;

/** Whether it ended within so many seconds. The monitor says so when the end has been recorded. */
async function within(seconds: number, monitor: MonitorClient | undefined, pidfd: number): Promise<boolean> {
	const deadline = seconds < 0 ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
	for (;;) {
		const left = deadline - performance.now();
		if (left <= 0) return false;
		const step = Math.ceil(Math.min(left, STEP_MS));
		if (!monitor) {
			if (poll(pidfd, step)) return true; // a pidfd is readable when its process has ended
		} else {
			const event: MonitorEvent | undefined = monitor.nextWithin(step);
			if (event?.type === "exited" || event?.type === "closed") return true;
		}
		await Bun.sleep(0); // signals to this command have their turn
	}
}

/** `kill`: sends a signal to the container's first process. */
export function kill(engine: Engine, nameOrId: string, signalName: string): void {
	const signal = parseSignal(signalName);
	if (signal === undefined) throw new EngineError("invalid", `Invalid signal: ${signalName}`);
	let container: Container;
	try {
		const found = findContainer(engine.db, nameOrId);
		container = settled(engine, found) ?? found;
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		throw new EngineError(error.code, `cannot kill container: ${nameOrId}: ${error.message}`);
	}
	const isEnd = signal === SIGKILL || signal === stopSignalOf(container);
	if (isEnd && isBetweenStarts(container)) {
		forgetRestart(engine, container);
		reap(engine, container.id);
		const now = getContainer(engine.db, container.id);
		if (now?.state.status !== "running") return;
		container = now; // it had come back: its signal is for that one
	}
	const { init } = container.state;
	using pidfd = container.state.status === "running" && init ? pidfdOpen(init.pid) : undefined;
	if (!init || !pidfd || startTime(init.pid) !== init.startTime) {
		throw new EngineError(
			"not-running",
			`cannot kill container: ${nameOrId}: container ${container.id} is not running`,
		);
	}
	if (isEnd) forgetRestart(engine, container);
	pidfdKill(pidfd.number, signal);
	if (isEnd) letGoOn(engine, container);
	// docker's kill returns when a killed container has stopped.
	if (signal === SIGKILL) awaitReaped(engine, container, pidfd.number);
}

/** It waits for its next start, or will: it has ended, and that is not on record yet. */
function isBetweenStarts({ config, state: { status, init } }: Container): boolean {
	if (status === "restarting") return true;
	const hasEnded = status === "running" && init !== null && startTime(init.pid) !== init.startTime;
	return hasEnded && config.host.restartPolicy.name !== "no";
}

function awaitReaped(engine: Engine, container: Container, pidfd: number): void {
	using monitor = MonitorClient.connect(engine.paths.live(container.id));
	monitor?.attach({ detachKeys: NO_KEYS, lease: true });
	if (monitor) while (!["exited", "closed"].includes(monitor.nextBlocking().type));
	else poll(pidfd, -1);
	const goesOn = reap(engine, container.id);
	monitor?.reaped({ isFinal: !goesOn });
}
