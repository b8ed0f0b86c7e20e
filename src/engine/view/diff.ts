/** `diff`: what a container has changed of its image. */
import { type Change, changesOf } from "../../image/layer/changes.ts";
import { openRootfsView } from "../../image/layer/rootfs-view.ts";
import { findContainer } from "../../store/containers.ts";
import { existsSync } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";
import { layersOf } from "../plan/container-plan.ts";

export function diff(engine: Engine, nameOrId: string): Change[] {
	const container = findContainer(engine.db, nameOrId);
	const { upper } = engine.paths.container(container.id);
	if (!existsSync(upper)) return []; // it has never been started
	using lower = openRootfsView(layersOf(engine, container));
	return changesOf(upper, lower.number);
}
