/** What becomes of a record that claimed to live and does not: src/engine/settle/reconcile.ts finds them. */

import type { ContainerState } from "../../store/container-record.ts";
import { updateState } from "../../store/containers.ts";
import { numbersIn } from "../../sys/fs.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import type { Claim } from "./claim.ts";
import { finishRemoval } from "./erase.ts";
import { reap, reapLocked } from "./reap.ts";
import { releaseStep } from "./step-record.ts";

export function settle(engine: Engine, id: string, status: Claim["status"]): void {
	if (status === "running") reap(engine, id);
	else if (status === "starting") adoptOrUndo(engine, id);
	else if (status === "building") releaseStep(engine, id);
	else if (status === "removing") finishRemoval(engine, id);
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
			finishedAt: null,
			exitCode: 0,
		};
		engine.transaction(() => updateState(engine.db, id, state));
		return;
	}
	// Its streams lead nowhere: whoever wanted it is gone, and it was never told of.
	if (initStart !== undefined) process.kill(init, "SIGKILL");
	reapLocked(engine, container);
}
