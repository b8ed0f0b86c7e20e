/**
 * Makes the records agree with the kernel. There is no daemon that watches: a command that was killed, a monitor that
 * was killed, a host that went down leave records that are no longer true. Every command looks at the few that claim
 * to live, before it does anything else.
 */

import { messageOf } from "../../errors.ts";
import { debug } from "../../log.ts";
import { existsSync } from "../../sys/fs.ts";
import { startTime } from "../../sys/process.ts";
import { Engine, type EngineOptions } from "../engine.ts";
import type { Claim } from "./claim.ts";

/** Opens the state for a command: what other commands left unfinished when they were killed is settled first of all. */
export async function openSettled(options: EngineOptions): Promise<Engine> {
	const engine = await Engine.open(options);
	await reconcile(engine);
	return engine;
}

export async function reconcile(engine: Engine): Promise<void> {
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
		if (isTrue(engine, claim)) continue;
		const { settle } = await import("./settle.ts"); // seldom: loading it would take every command a part of a millisecond
		try {
			settle(engine, claim.id, claim.status);
		} catch (error) {
			// One container that cannot be settled must not keep every command from working.
			debug("reconcile", () => `${claim.id}: ${messageOf(error)}`);
		}
	}
}

const lives = (pid: number | null, started: number | null): boolean => pid !== null && startTime(pid) === started;

/** While it starts, is built or removed, `monitor` is the command that does it. */
function isTrue(engine: Engine, claim: Claim): boolean {
	if (claim.status !== "running") return lives(claim.monitor, claim.monitorStart);
	if (lives(claim.init, claim.initStart)) return true;
	// It has ended. Until its monitor has recorded how, that is the monitor's affair; what comes after may take
	// long, if who reads the output is slow or stopped, and the container is not running meanwhile.
	return !existsSync(engine.paths.container(claim.id).exit) && lives(claim.monitor, claim.monitorStart);
}
