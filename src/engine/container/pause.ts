/** `pause` and `unpause`: all processes of a container stopped at once, wherever they are, and none of them can tell. */
import { EngineError } from "../../errors.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";
import { recordState, runningPid } from "../running.ts";

/** Throws EngineError where it does not run, is paused, or cannot be. */
export function pause(engine: Engine, nameOrId: string): void {
	change(engine, nameOrId, true);
}

export function unpause(engine: Engine, nameOrId: string): void {
	change(engine, nameOrId, false);
}

function change(engine: Engine, nameOrId: string, paused: boolean): void {
	using lock = engine.lock(findContainer(engine.db, nameOrId).id);
	const { container } = lock;
	if (!container) throw new EngineError("not-found", `No such container: ${nameOrId}`);
	const { id, state } = container;
	if (runningPid(container) === undefined) throw new EngineError("not-running", `container ${id} is not running`);
	if (state.paused === paused) {
		throw new EngineError("conflict", paused ? `Container ${id} is already paused` : `Container ${id} is not paused`);
	}
	// On record before it is so: what comes after a kill can let it go on, where nothing else would.
	const changed = paused ? recordState(engine, container, { paused }) : container;
	try {
		freezerOf(engine).freeze(state.cgroup, paused);
	} catch (error) {
		if (paused) recordState(engine, changed, { paused: false });
		throw error;
	}
	if (!paused) recordState(engine, changed, { paused });
}

function freezerOf(engine: Engine) {
	if (engine.cgroups) return engine.cgroups;
	throw new EngineError("unsupported", "No cgroup file system is mounted, so a container cannot be paused");
}

/** After a signal that ends it: who is stopped does not hear it. */
export function letGoOn(engine: Engine, { state }: Container): void {
	if (state.paused && state.cgroup) engine.cgroups?.freeze(state.cgroup, false);
}
