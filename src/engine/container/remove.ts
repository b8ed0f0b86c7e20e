/** `rm`: a container's end for good. */
import { EngineError } from "../../errors.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";
import { removeContainer } from "../settle/erase.ts";
import { forgetRestart } from "./forget-restart.ts";
import { killAndWait } from "./stop.ts";

export interface RemoveOptions {
	/** Kills it first if it runs. */
	readonly force: boolean;
	/** Removes its anonymous volumes too. */
	readonly volumes: boolean;
}

export async function remove(engine: Engine, nameOrId: string, options: RemoveOptions): Promise<void> {
	for (let container: Container | undefined = findContainer(engine.db, nameOrId); container; ) {
		if (container.state.status === "restarting") {
			if (!options.force) {
				throw new EngineError(
					"conflict",
					`cannot remove container "/${container.name}": container is restarting: stop the container before removing or force remove`,
				);
			}
			forgetRestart(engine, container);
		}
		if (container.state.status === "running") {
			if (!options.force) {
				throw new EngineError(
					"conflict",
					`cannot remove container "/${container.name}": container is running: stop the container before removing or force remove`,
				);
			}
			forgetRestart(engine, container);
			await killAndWait(engine, container);
		}
		using lock = engine.lock(container.id);
		const now = lock.container;
		if (!now) return; // --rm, or another rm, was faster
		if (now.state.status !== "running" && now.state.status !== "restarting") {
			removeContainer(engine, now, options.volumes);
			return;
		}
		container = now; // another command has started it meanwhile
	}
}
