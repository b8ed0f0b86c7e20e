/**
 * Makes the records agree with the kernel. There is no daemon that watches: a command that was killed, a monitor that
 * was killed, a host that went down leave records that are no longer true. Every command looks at the few that claim
 * to live, before it does anything else.
 */

import { messageOf } from "../errors.ts";
import { debug } from "../log.ts";
import type { ContainerState } from "../store/container-record.ts";
import { updateState } from "../store/containers.ts";
import { existsSync, readFileSync } from "../sys/fs.ts";
import { startTime } from "../sys/process.ts";
import type { Engine } from "./engine.ts";
import { reap, reapLocked } from "./reap.ts";
import { finishRemoval } from "./remove.ts";
import { releaseStep } from "./step-record.ts";

interface Claim {
	readonly id: string;
	/** "building": a step of a build, which is no container. */
	readonly status: ContainerState["status"] | "building";
	readonly init: number | null;
	readonly initStart: number | null;
	readonly monitor: number | null;
	readonly monitorStart: number | null;
}

export function reconcile(engine: Engine): void {
	const claims = engine.db
		.query(
			`SELECT id, state->>'$.status' AS status,
				state->>'$.init.pid' AS init, state->>'$.init.startTime' AS initStart,
				state->>'$.monitor.pid' AS monitor, state->>'$.monitor.startTime' AS monitorStart
			FROM containers WHERE status IN ('running', 'starting', 'removing')
			UNION ALL SELECT id, 'building', NULL, NULL, pid, start_time FROM build_steps`,
		)
		.all() as Claim[];
	for (const claim of claims) {
		try {
			settle(engine, claim);
		} catch (error) {
			// One container that cannot be settled must not keep every command from working.
			debug("reconcile", () => `${claim.id}: ${messageOf(error)}`);
		}
	}
}

const lives = (pid: number | null, started: number | null): boolean => pid !== null && startTime(pid) === started;

function settle(engine: Engine, claim: Claim): void {
	switch (claim.status) {
		case "running":
			if (lives(claim.init, claim.initStart)) return;
			// It has ended. Until its monitor has recorded how, that is the monitor's affair; what comes after may take
			// long, if who reads the output is slow or stopped, and the container is not running meanwhile.
			if (existsSync(engine.paths.container(claim.id).exit) || !lives(claim.monitor, claim.monitorStart)) {
				reap(engine, claim.id);
			}
			return;
		case "starting":
			// Here `monitor` is the command that is starting it.
			if (!lives(claim.monitor, claim.monitorStart)) adoptOrUndo(engine, claim.id);
			return;
		case "building":
			if (!lives(claim.monitor, claim.monitorStart)) releaseStep(engine, claim.id);
			return;
		case "removing":
			if (!lives(claim.monitor, claim.monitorStart)) finishRemoval(engine, claim.id);
			return;
		default:
	}
}

/** The command that was starting a container died. Either the container got going without it, or it never will. */
function adoptOrUndo(engine: Engine, id: string): void {
	using lock = engine.lock(id);
	const { container } = lock;
	if (container?.state.status !== "starting") return;
	const [init = 0, monitor = 0] = readPids(`${engine.paths.live(id)}/pids`);
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

function readPids(path: string): number[] {
	try {
		return readFileSync(path, "latin1").trim().split(" ").map(Number);
	} catch {
		return [];
	}
}
