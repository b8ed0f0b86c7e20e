/**
 * The story of start.ts backwards: what ends when a container ends. Called by whoever learns of the end first (the
 * command that waits for it, the reaper that the monitor starts, the next command), and repeatable: each step is fine
 * with having been done.
 */

import { debug } from "../../log.ts";
import { exitCodeOf } from "../../runtime/signals.ts";
import type { Container, ContainerState } from "../../store/container-record.ts";
import { updateState } from "../../store/containers.ts";
import { dropLiveName } from "../../store/live-records.ts";
import { releaseAddresses } from "../../store/networks.ts";
import { readFileSync } from "../../sys/fs.ts";
import { startTime } from "../../sys/process.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { names, publishing, sharedMemories, volumeFileSystems } from "../plan/lazy.ts";
import { removeEnded } from "./erase.ts";
import { restartDelay } from "./restart-policy.ts";

/** No monitor recorded how it ended. */
const UNKNOWN_EXIT = 255;

/** `known`: the container as it was when it started. Returns whether it is to be started again. */
export function reap(engine: Engine, id: string, known?: Container): boolean {
	using lock = engine.lock(id, known);
	if (!lock.container) return false;
	return lock.container.state.status === "restarting" || reapLocked(engine, lock.container);
}

/** The same for who holds the container's lock already. */
export function reapLocked(engine: Engine, container: Container): boolean {
	const { id } = container;
	if (container.state.status !== "running" && container.state.status !== "starting") return false;
	if (stillOurs(container.state)) return false;
	debug("reap", () => id.slice(0, 12));
	// Of those that go with their end only `restart` makes one go on.
	if (container.config.host.autoRemove && restartDelay(container, NO_END) === undefined) {
		release(engine, container);
		removeEnded(engine, container);
		return false;
	}
	const end = endOf(engine, id, container.state);
	const delay = restartDelay(container, end);
	const state = delay === undefined ? end : toRestart(end, container.state, delay);
	release(engine, container);
	engine.transaction(() => {
		releaseAddresses(engine.db, id);
		updateState(engine.db, id, state);
	});
	return delay !== undefined;
}

const NO_END = { exitCode: 0, finishedAt: 0 };

/** The command that asked for it starts it, else the monitor, which waits (native/monitor.c); if neither lives, the next command. */
function toRestart(end: ContainerState, before: ContainerState, delay: number): ContainerState {
	const claims = [before.restartAsked, before.status === "running" ? before.monitor : null];
	const monitor = claims.find((claim) => claim && startTime(claim.pid) === claim.startTime) ?? null;
	return { ...end, status: "restarting", monitor, restartAt: Date.now() + delay, restartDelay: delay };
}

/**
 * Who learned of an end may come late: the container may have been started again since. What lives, or is being started
 * by a command that lives, has not ended.
 */
function stillOurs({ status, init, monitor }: ContainerState): boolean {
	const claim = status === "starting" ? monitor : init;
	return claim !== null && startTime(claim.pid) === claim.startTime;
}

/** What the monitor wrote when init ended, and what the kernel counted. */
function endOf(engine: Engine, id: string, before: ContainerState): ContainerState {
	const record = readExit(engine.paths.container(id).exit);
	const oomKilled = before.cgroup !== "" && (engine.cgroups?.oomKilled(before.cgroup) ?? false);
	return {
		...before,
		status: before.status === "starting" && before.startedAt === null ? "created" : "exited",
		init: null,
		monitor: null,
		root: null,
		...withoutLeases(before),
		cgroup: "",
		exitCode: record ? exitCodeOf(record.status) : UNKNOWN_EXIT,
		error:
			record || before.status === "starting"
				? before.error
				: "the monitor was killed, nobody saw how the container ended",
		finishedAt: before.status === "starting" ? null : (record?.at ?? Date.now()),
		oomKilled,
	};
}

/** What stays of its networks when it does not run: where it is to be connected again. */
export const withoutLeases = ({ endpoints }: ContainerState) => ({
	endpoints: endpoints.map((endpoint) => ({ ...endpoint, lease: null })),
	ports: [],
	paused: false,
});

/** Takes back from the kernel and the run directory what start() got. */
export function release(engine: Engine, container: Container): void {
	const { id, state } = container;
	// Only a killed monitor leaves processes: the rest of a pid namespace ends with its init.
	if (state.cgroup) engine.cgroups?.remove(state.cgroup);
	if (state.ports.length) publishing().unpublish(engine, container);
	if (state.endpoints.some(({ lease }) => lease?.resolver)) names().withdraw(engine, container);
	if (container.config.host.mounts.some(({ type }) => type === "volume")) {
		volumeFileSystems().releaseFileSystems(engine, container);
	}
	if (container.config.host.ipcMode === "shareable") sharedMemories().unmountShared(engine, container);
	removeTree(engine.paths.live(id));
	dropLiveName(engine.paths, container);
}

/** "<wait status> <seconds>.<nanoseconds>" (native/monitor.c, record_exit). */
function readExit(path: string): { status: number; at: number } | undefined {
	try {
		const [status, at] = readFileSync(path, "latin1").trim().split(" ").map(Number);
		return status === undefined || at === undefined ? undefined : { status, at: Math.round(at * 1000) };
	} catch {
		return undefined;
	}
}
