/**
 * Makes the records agree with the kernel. There is no daemon that watches: a command that was killed, a monitor that
 * was killed, a host that went down leave records that are no longer true. Every command looks at the few that claim
 * to live, before it does anything else.
 */

import { messageOf } from "../../errors.ts";
import { debug } from "../../log.ts";
import { existsSync } from "../../sys/fs.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import type { Claim } from "./claim.ts";

/** Returns the IDs of containers that are to be started again, and whom nobody else will start. */
export async function reconcile(engine: Engine): Promise<string[]> {
	const claims = engine.db
		.query(
			`SELECT id, state->>'$.status' AS status,
				state->>'$.init.pid' AS init, state->>'$.init.startTime' AS initStart,
				state->>'$.monitor.pid' AS monitor, state->>'$.monitor.startTime' AS monitorStart
			FROM containers WHERE status IN ('running', 'starting', 'removing', 'restarting')
			UNION ALL SELECT id, 'building', NULL, NULL, pid, start_time FROM build_steps`,
		)
		.all() as Claim[];
	const due: string[] = [];
	for (const claim of claims) {
		if (isTrue(engine, claim)) continue;
		const { settle } = await import("./settle.ts"); // seldom: loading it would take every command a part of a millisecond
		try {
			if (settle(engine, claim.id, claim.status)) due.push(claim.id);
		} catch (error) {
			// One container that cannot be settled must not keep every command from working.
			debug("reconcile", () => `${claim.id}: ${messageOf(error)}`);
		}
	}
	return due;
}

const lives = (pid: number | null, started: number | null): boolean => pid !== null && startTime(pid) === started;

/** While it starts, is built, removed, or about to be started again, `monitor` is who does it. */
function isTrue(engine: Engine, claim: Claim): boolean {
	if (claim.status !== "running") return lives(claim.monitor, claim.monitorStart);
	if (lives(claim.init, claim.initStart)) return true;
	// It has ended. Until its monitor has recorded how, that is the monitor's affair; what comes after may take
	// long, if who reads the output is slow or stopped, and the container is not running meanwhile.
	return !existsSync(engine.paths.container(claim.id).exit) && lives(claim.monitor, claim.monitorStart);
}
