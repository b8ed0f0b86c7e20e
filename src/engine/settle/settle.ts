/** What becomes of a record that claimed to live and does not: src/engine/settle/reconcile.ts finds them. */

import { type ContainerState, NEVER } from "../../store/container-record.ts";
import { getContainer, updateState } from "../../store/containers.ts";
import { numbersIn } from "../../sys/fs.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import type { Claim } from "./claim.ts";
import { finishRemoval } from "./erase.ts";
import { reap, reapLocked } from "./reap.ts";
import { releaseStep } from "./step-record.ts";

/** Returns whether it is a container that is to be started again, and nobody else will do it. */
export function settle(engine: Engine, id: string, status: Claim["status"]): boolean {
	if (status === "starting") adoptOrUndo(engine, id);
	else if (status === "building") releaseStep(engine, id);
	else if (status === "removing") finishRemoval(engine, id);
	else return isDue(engine, id, reap(engine, id));
	return getContainer(engine.db, id)?.state.status === "restarting";
}

/** Of one that has ended, or whose starter has. */
function isDue(engine: Engine, id: string, restarts: boolean): boolean {
	const container = restarts ? getContainer(engine.db, id) : undefined;
	const { monitor } = container?.state ?? {};
	if (monitor?.startTime === NEVER) {
		endForBoot(engine, id);
		return false;
	}
	return container !== undefined && !(monitor && startTime(monitor.pid) === monitor.startTime);
}

/** It waited to be started again when the machine went down: `system boot` sees to it. */
function endForBoot(engine: Engine, id: string): void {
	using lock = engine.lock(id);
	const { container } = lock;
	if (container?.state.status !== "restarting") return;
	const state: ContainerState = { ...container.state, status: "exited", monitor: null, restartAt: null };
	engine.transaction(() => updateState(engine.db, id, state));
}

/** The command that was starting a container died. Either the container got going without it, or it never will. */
function adoptOrUndo(engine: Engine, id: string): void {
	using lock = engine.lock(id);
	const { container } = lock;
	if (container?.state.status !== "starting") return;
	const [init = 0, monitor = 0] = numbersIn(`${engine.paths.live(id)}/pids`);
	const initStart = init ? startTime(init) : undefined;
	const monitorStart = monitor ? startTime(monitor) : undefined;
	if (initStart !== undefined && monitorStart !== undefined) {
		const state: ContainerState = {
			...container.state,
			status: "running",
			init: { pid: init, startTime: initStart },
			monitor: { pid: monitor, startTime: monitorStart },
			startedAt: Date.now(),
			exitCode: 0,
			restartAsked: null,
		};
		engine.transaction(() => updateState(engine.db, id, state));
		return;
	}
	// Its streams lead nowhere: whoever wanted it is gone, and it was never told of.
	if (initStart !== undefined) process.kill(init, "SIGKILL");
	reapLocked(engine, container);
}
