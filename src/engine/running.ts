/** A container that runs: whether it does, and changes of what is on record of it, which `exec` reads elsewhere (live-records.ts). */
import type { Container, ContainerConfig, ContainerState } from "../store/container-record.ts";
import { updateConfig, updateState } from "../store/containers.ts";
import { putLiveRecord } from "../store/live-records.ts";
import { startTime } from "../sys/process.ts";
import type { Engine } from "./engine.ts";

/** Of its first process; undefined: it does not run. */
export function runningPid({ state: { status, init } }: Container): number | undefined {
	return status === "running" && init && startTime(init.pid) === init.startTime ? init.pid : undefined;
}

/** Returns the container as it is on record then. The caller holds its lock. */
export function recordState(engine: Engine, container: Container, changes: Partial<ContainerState>): Container {
	const changed = { ...container, state: { ...container.state, ...changes } };
	engine.transaction(() => updateState(engine.db, container.id, changed.state));
	return published(engine, changed);
}

/** The same of its configuration. */
export function recordConfig(engine: Engine, container: Container, changes: Partial<ContainerConfig>): Container {
	const changed = { ...container, config: { ...container.config, ...changes } };
	engine.transaction(() => updateConfig(engine.db, container.id, changed.config));
	return published(engine, changed);
}

function published(engine: Engine, container: Container): Container {
	if (runningPid(container) !== undefined) putLiveRecord(engine.paths, container);
	return container;
}
