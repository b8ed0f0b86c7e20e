/** Starting again: by `restart`, by a container's policy, and where whoever was to do it has been killed. */
import { EngineError, messageOf } from "../../errors.ts";
import { debug } from "../../log.ts";
import { findContainer, getContainer } from "../../store/containers.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { recordState, runningPid } from "../running.ts";
import { start } from "./start.ts";
import { DEFAULT_TIMEOUT, stop } from "./stop.ts";

const DETACHED = { attachment: undefined, terminalSize: { rows: 0, columns: 0 } };

/**
 * `restart`: ends it as `stop` does, and starts it; also one that does not run. Its options stay, those of `--rm` too. Returns what
 * the user should know.
 */
export async function restart(
	engine: Engine,
	nameOrId: string,
	options: { readonly timeout: number | undefined; readonly signal: string | undefined },
): Promise<readonly string[]> {
	const { id } = findContainer(engine.db, nameOrId);
	noteRestart(engine, id, options.timeout);
	await stop(engine, id, { ...options, isForRestart: true });
	try {
		return start(engine, id, DETACHED).warnings;
	} catch (error) {
		// Somebody else has found it stopped, and started it, which is what was wanted.
		if (error instanceof EngineError && error.message.endsWith("is already running")) return [];
		throw error;
	}
}

/** On record before it ends: whoever sees its end then knows that it is to go on. */
function noteRestart(engine: Engine, id: string, timeout: number | undefined): void {
	using lock = engine.lock(id);
	if (!lock.container || runningPid(lock.container) === undefined) return;
	const seconds = timeout ?? lock.container.config.stopTimeout ?? DEFAULT_TIMEOUT;
	recordState(engine, lock.container, {
		restartAsked: { pid: process.pid, startTime: startTime(process.pid) ?? 0 },
		restartAt: seconds < 0 ? null : Date.now() + (seconds + MARGIN) * 1000,
	});
}

/** Seconds that an end takes besides. */
const MARGIN = 10;

/** Starts who waits for it; once, however many try. What fails then is on record, and not tried again, as by docker. */
export function startAgain(engine: Engine, id: string): void {
	try {
		start(engine, id, { ...DETACHED, isAgain: true });
	} catch (error) {
		debug("restart", () => `${id}: ${messageOf(error)}`);
	}
}

/**
 * Of a container that waits to be started again: starts it if it is time. Returns the milliseconds until then, and undefined when
 * there is nothing more to do.
 */
export function startWhenDue(engine: Engine, id: string): number | undefined {
	const { state } = getContainer(engine.db, id) ?? {};
	if (state?.status !== "restarting") return undefined;
	// No longer than was meant, whatever becomes of the clock.
	const left = Math.min((state.restartAt ?? 0) - Date.now(), state.restartDelay);
	if (left > 0) return Math.ceil(left);
	startAgain(engine, id);
	return undefined;
}
