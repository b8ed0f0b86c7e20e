/** How much a container has written, and what it is with its image: `ps -s`, `inspect -s`. */

import type { ListedContainer } from "../../store/container-record.ts";
import { getImage } from "../../store/images.ts";
import { treeSize } from "../../sys/tree-size.ts";
import type { Engine } from "../engine.ts";

/** Bytes of regular files, each counted once however many names it has. */
export function containerSizes(engine: Engine, container: ListedContainer): { own: number; total: number } {
	const own = treeSize(engine.paths.container(container.id).upper);
	return { own, total: own + (getImage(engine.db, container.config.imageId)?.size ?? 0) };
}
