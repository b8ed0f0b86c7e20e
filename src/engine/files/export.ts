/** `export`: a container's files as one archive, without what is mounted in it. */
import { EngineError } from "../../errors.ts";
import { openRootfsView } from "../../image/layer/rootfs-view.ts";
import { writeTree } from "../../image/layer/tree-archive.ts";
import { findContainer } from "../../store/containers.ts";
import { existsSync } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";
import { layersOf } from "../plan/container-plan.ts";

/** A chunk is good only during the call. Of one that runs it is what is on the disk at the moment. */
export function exportContainer(engine: Engine, nameOrId: string, sink: (chunk: Uint8Array) => void): void {
	const container = findContainer(engine.db, nameOrId);
	if (container.state.status === "removing") throw new EngineError("not-found", `No such container: ${nameOrId}`);
	const { upper } = engine.paths.container(container.id);
	using root = openRootfsView([...(existsSync(upper) ? [upper] : []), ...layersOf(engine, container)]);
	writeTree(root.number, "", sink);
}
