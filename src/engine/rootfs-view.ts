/**
 * A look at a container's files without running it: its layers as a read-only overlay that is attached nowhere and
 * vanishes with its descriptor. Everything in it is opened with RESOLVE_IN_ROOT.
 */
import { mkdirSync } from "node:fs";
import type { Paths } from "../paths.ts";
import { layerPath } from "../store/layers.ts";
import type { Fd } from "../sys/fd.ts";
import { openDir } from "../sys/file.ts";
import { detachedMount, MOUNT_ATTR_RDONLY } from "../sys/mount.ts";
import { overlayLayersOneByOne } from "./kernel.ts";

/** Layer directories, top first, as overlay wants them. An image without layers still needs one. */
export function lowerDirectories(paths: Paths, diffIds: readonly string[]): string[] {
	if (diffIds.length === 0) {
		mkdirSync(`${paths.layers}/empty`, { recursive: true, mode: 0o755 });
		return [`${paths.layers}/empty`];
	}
	return diffIds.map((diffId) => layerPath(paths, diffId)).reverse();
}

/** Opens the root directory of the merged tree of `directories`, top first. */
export function openRootfsView(directories: readonly string[]): Fd {
	const [only] = directories;
	if (directories.length === 1 && only) return openDir(only);
	const descriptors: Fd[] = [];
	try {
		// Older kernels take all layers as one string of at most 256 bytes here: a descriptor's path is short.
		const options = overlayLayersOneByOne()
			? directories.map((dir) => `lowerdir+=${dir}`)
			: [
					`lowerdir=${directories
						.map((dir) => {
							const fd = openDir(dir);
							descriptors.push(fd);
							return `/proc/self/fd/${fd.number}`;
						})
						.join(":")}`,
				];
		return detachedMount("overlay", options, MOUNT_ATTR_RDONLY);
	} finally {
		for (const fd of descriptors) fd[Symbol.dispose]();
	}
}
