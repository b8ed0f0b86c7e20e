/**
 * Root file systems that are looked at, or written to, without running anything: layers as an overlay that is attached
 * nowhere and vanishes with its descriptor. Everything in it is opened with RESOLVE_IN_ROOT.
 */
import type { Paths } from "../../paths.ts";
import { layerPath } from "../../store/layers.ts";
import type { Fd } from "../../sys/fd.ts";
import { openDir } from "../../sys/file.ts";
import { overlayLayersOneByOne } from "../../sys/kernel.ts";
import { detachedMount, MOUNT_ATTR_RDONLY } from "../../sys/mount.ts";

/**
 * Directories of layers, top first, as overlay wants them: it takes each directory once. Of a layer that is there twice
 * the upper one counts: all that the lower one has, it has too, and nearer.
 */
export const layerDirectories = (paths: Paths, diffIds: readonly string[]): string[] => [
	...new Set(diffIds.map((diffId) => layerPath(paths, diffId)).reverse()),
];

/** The same for a container: below an image's own layers there is always one of ours. */
export const lowerDirectories = (paths: Paths, diffIds: readonly string[]): string[] => [
	...layerDirectories(paths, diffIds),
	paths.baseLayer,
];

/** Opens the root directory of the merged tree of `directories`, top first; there is at least one. */
export function openRootfsView(directories: readonly string[]): Fd {
	const [only] = directories;
	if (directories.length === 1 && only) return openDir(only);
	return overlay(directories, [], MOUNT_ATTR_RDONLY);
}

/** The same, to be written to: what changes lands in `upper`, an empty directory, which becomes a layer. */
export function openWritableRootfs(directories: readonly string[], upper: string, work: string): Fd {
	// A plain layer can be told as a changeset: no renamed directories by reference, no contents left below.
	const plain = ["redirect_dir=off", "metacopy=off", "index=off"];
	return overlay(directories, [`upperdir=${upper}`, `workdir=${work}`, ...plain], 0);
}

function overlay(directories: readonly string[], options: readonly string[], attributes: number): Fd {
	const descriptors: Fd[] = [];
	try {
		// Older kernels take all layers as one string of at most 256 bytes here: a descriptor's path is short.
		const lowers = overlayLayersOneByOne()
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
		return detachedMount("overlay", [...lowers, ...options], attributes);
	} finally {
		for (const fd of descriptors) fd[Symbol.dispose]();
	}
}
