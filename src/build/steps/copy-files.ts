/** Where the files of a COPY end up (Dockerfile reference, "COPY": sources, destination, --parents). */

import { baseName, cleanPath, contextPath, dirName } from "../files/path.ts";
import type { Destination } from "../files/place.ts";
import type { Tree } from "../files/tree.ts";

export interface CopyRequest {
	/** Paths in the tree, as selected; with --parents each with the pivot's length. */
	readonly sources: readonly SelectedSource[];
	/** Absolute and clean, but for a slash at the end, which says that it is a directory. */
	readonly destination: string;
	readonly excluded: (path: string) => boolean;
}

export interface SelectedSource {
	readonly path: string;
	/** --parents: directories to keep between the destination and the file. */
	readonly keep: string;
}

/** Selects what a source names. With --parents, what is behind "/./" is kept; without that mark, all of the path. */
export function selectSources(tree: Tree, source: string, parents: boolean): SelectedSource[] {
	const mark = parents ? source.indexOf("/./") : -1;
	const base = mark < 0 ? "" : contextPath(source.slice(0, mark));
	return tree.select(source).map((path) => {
		if (!parents) return { path, keep: "" };
		const relative = base && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : path;
		return { path, keep: relative };
	});
}

export function copyFiles(tree: Tree, request: CopyRequest, to: Destination): void {
	const { destination, sources } = request;
	const top = cleanPath(destination);
	const several = destination.endsWith("/") || sources.length > 1 || to.isDirectory(top);
	for (const { path, keep } of sources) {
		let directory: string | undefined;
		for (const found of tree.walk(path, request.excluded)) {
			if (found.path !== "") {
				to.put(found, `${directory ?? top}/${found.path}`.replace(/^\/+/, "/"));
				continue;
			}
			if ((found.stat.mode & 0o170000) === 0o040000) {
				directory = keep ? join(top, keep) : top;
				to.ensureDirectory(directory); // as it is, or new: what is copied are the contents
			} else {
				const target = keep ? join(top, keep) : several ? join(top, baseName(path)) : top;
				to.ensureDirectory(dirName(target) || "/");
				to.put(found, target === top ? to.follow(target) : target);
			}
		}
	}
	to.finish();
}

const join = (directory: string, name: string): string => (directory === "/" ? `/${name}` : `${directory}/${name}`);
