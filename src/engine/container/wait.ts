/** `wait`: until a container does not run any more. */
import { MonitorClient } from "../../runtime/monitor.ts";
import { exitCodeOf } from "../../runtime/signals.ts";
import { findContainer, getContainer } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";
import { runningPid } from "../running.ts";
import { reap } from "../settle/reap.ts";

/** How often who has no monitor that could tell is looked at. */
const LOOK_EVERY_MS = 100;
const RUNS = ["starting", "running", "restarting"];

/** Returns its exit code: at once, if it does not run. Throws EngineError for who is not there, and the signal's reason. */
export async function wait(engine: Engine, nameOrId: string, signal?: AbortSignal): Promise<number> {
	const { id } = findContainer(engine.db, nameOrId);
	for (;;) {
		signal?.throwIfAborted();
		const container = getContainer(engine.db, id);
		if (!container) return 0; // removed meanwhile, and nobody could tell
		if (!RUNS.includes(container.state.status)) return container.state.exitCode;
		engine.letOthersIn();
		const code = await told(engine, id, signal);
		if (code !== undefined) return code; // also of one that will be started again, as by docker
		// Without a monitor nobody but us sees to what has ended.
		if (runningPid(container) === undefined) reap(engine, id);
		await Bun.sleep(LOOK_EVERY_MS);
	}
}

/** The exit code, once the monitor tells it; undefined: it does not. */
async function told(engine: Engine, id: string, signal: AbortSignal | undefined): Promise<number | undefined> {
	using monitor = MonitorClient.connect(engine.paths.live(id));
	if (!monitor) return undefined;
	const abort = () => monitor.shutDown();
	signal?.addEventListener("abort", abort, { once: true });
	monitor.wait();
	const event = await monitor.next();
	signal?.removeEventListener("abort", abort);
	return event.type === "exited" ? exitCodeOf(event.a) : undefined;
}
