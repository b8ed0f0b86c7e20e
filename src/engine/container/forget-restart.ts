/** Whoever ends a container ends what its policy would do: on record before it ends, so that nobody starts it again. */

import { SIGKILL } from "../../runtime/signals.ts";
import type { Container } from "../../store/container-record.ts";
import { updateState } from "../../store/containers.ts";
import { readFileSync } from "../../sys/fs.ts";
import { pidfdKill, pidfdOpen, startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { recordState } from "../running.ts";

export function forgetRestart(engine: Engine, { id, config, state }: Container): void {
	if (config.host.restartPolicy.name === "no" && state.status !== "restarting" && !state.restartAsked) return;
	using lock = engine.lock(id);
	const { container } = lock;
	if (!container) return;
	if (container.state.status !== "restarting") {
		recordState(engine, container, { stopAsked: true, restartAsked: null, restartAt: null });
		return;
	}
	const { monitor } = container.state;
	const ended = { ...container.state, status: "exited" as const, stopAsked: true, monitor: null, restartAt: null };
	engine.transaction(() => updateState(engine.db, id, ended));
	if (monitor) endWaiting(monitor);
}

/** Of one that has been ended: whoever starts what is always to run starts it again. */
export function forgetStop(engine: Engine, id: string): void {
	using lock = engine.lock(id);
	if (lock.container) recordState(engine, lock.container, { stopAsked: false });
}

/** The monitor only waits for the time of the next start; a command that is about to start it will find that it is not to. */
function endWaiting({ pid, startTime: started }: { pid: number; startTime: number }): void {
	using pidfd = startTime(pid) === started ? pidfdOpen(pid) : undefined;
	if (pidfd && commandOf(pid).startsWith("nanocontainer-monitor\0")) pidfdKill(pidfd.number, SIGKILL);
}

function commandOf(pid: number): string {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "latin1");
	} catch {
		return "";
	}
}
