/** Mounts of a container that runs, made and taken away: each by a process that joins its mount namespace. */
import { EngineError } from "../../errors.ts";
import type { Mount } from "../../runtime/config.ts";
import { FIRST_PLAN_FD, Launch, monitorOperation } from "../../runtime/launch.ts";
import { compileMountPlan } from "../../runtime/plan-mount.ts";
import type { Container, MountPoint } from "../../store/container-record.ts";
import { pidfdOpen } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { isNoDirectory, layersOf } from "../plan/container-plan.ts";
import { volumeFileSystems, volumes } from "../plan/lazy.ts";
import { userMount } from "../plan/oci-config.ts";
import { directoryId } from "./exec.ts";

/** Mounts one; a volume's directory is made, and filled, as at the container's start. Its uses are on record. */
export function mountLive(engine: Engine, container: Container, mount: MountPoint): void {
	const { config } = container;
	const alone = { ...container, config: { ...config, host: { ...config.host, mounts: [mount] } } };
	if (mount.type === "volume") volumeFileSystems().mountFileSystems(engine, alone);
	volumes().prepareMounts(engine, alone, [engine.paths.container(container.id).upper, ...layersOf(engine, container)]);
	const volumePath = (name: string) => volumes().volumeSource(engine, name);
	change(container, userMount(mount, { volumePath, isFile: isNoDirectory }));
}

/** Throws EngineError where a program is in it. */
export function unmountLive(container: Container, destination: string): void {
	try {
		change(container, destination);
	} catch (error) {
		if (!(error instanceof EngineError) || !/device or resource busy/.test(error.message)) throw error;
		throw new EngineError("conflict", `${destination} is busy: a program of container ${container.name} is in it`, {
			cause: error,
		});
	}
}

function change({ id, state: { init, root } }: Container, what: Mount | string): void {
	using pidfd = init ? pidfdOpen(init.pid) : undefined;
	if (!pidfd || !init) throw new EngineError("not-running", `container ${id} is not running`);
	const monitor = monitorOperation({
		...{ id: `${id.slice(0, 12)} mount`, liveDir: "", log: "", exit: "", reaper: [], quietMs: 0 },
		...{ terminal: false, stdin: false, stdinOnce: false },
	});
	const launch = new Launch({
		header: { cloneFlags: 0, cgroupFd: -1, pidNamespaceFd: FIRST_PLAN_FD },
		monitor,
		fds: [pidfd.number],
		attachment: undefined,
	});
	try {
		const plan = compileMountPlan(what, { monitor, pidfd: FIRST_PLAN_FD, pid: init.pid, root: directoryId(root) });
		using _launched = launch.run(plan);
	} catch (error) {
		launch[Symbol.dispose]();
		throw error;
	}
}
