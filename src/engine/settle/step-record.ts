/** A build step that runs: recorded before it takes a cgroup and an address, so that they are given back whatever happens. */
import { deleteStep, insertStep, stepCgroup } from "../../store/build-cache.ts";
import { releaseAddresses } from "../../store/networks.ts";
import { startTime } from "../../sys/process.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";

/** Call within a transaction; releaseStep() is the undo. */
export function recordStep(engine: Engine, id: string, cgroup: string): void {
	insertStep(engine.db, { id, pid: process.pid, startTime: startTime(process.pid) ?? 0, cgroup });
}

/** Gives everything back. Repeatable; also called for the steps of a build that was killed (src/engine/settle/reconcile.ts). */
export function releaseStep(engine: Engine, id: string): void {
	const cgroup = stepCgroup(engine.db, id);
	if (cgroup === undefined) return;
	if (cgroup) engine.cgroups?.remove(cgroup);
	removeTree(stepDirectory(engine, id));
	engine.transaction(() => {
		releaseAddresses(engine.db, id);
		deleteStep(engine.db, id);
	});
}

/** Its hosts, hostname and resolv.conf. */
export const stepDirectory = (engine: Engine, id: string): string => engine.paths.live(`step-${id}`);
