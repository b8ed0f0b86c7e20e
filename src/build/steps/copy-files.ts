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

/**
 * Selects what a source names. With --parents, what is behind "/./" is kept; without that mark, all of the path. The part
 * before the mark may be a pattern: it says how many names are left out.
 */
export function selectSources(tree: Tree, source: string, parents: boolean): SelectedSource[] {
	const mark = parents ? source.indexOf("/./") : -1;
	const left = mark < 0 ? 0 : contextPath(source.slice(0, mark)).split("/").filter(Boolean).length;
	return tree.select(source, parents).map((path) => {
		if (!parents) return { path, keep: "" };
		return { path, keep: path.split("/").slice(left).join("/") };
	});
}

export function copyFiles(tree: Tree, request: CopyRequest, to: Destination): void {
	const { destination, sources } = request;
	const top = cleanPath(destination);
	const several = destination.endsWith("/") || to.isDirectory(top);
	for (const { path, keep } of sources) {
		let directory: string | undefined;
		for (const found of tree.walk(path, request.excluded)) {
			if (found.path !== "") {
				to.put(found, `${directory ?? top}/${found.path}`.replace(/^\/+/, "/"));
				continue;
			}
			if ((found.stat.mode & 0o170000) === 0o040000) {
				directory = keep ? join(top, keep) : top;
				keepParents(tree, path, keep, top, to);
				to.ensureDirectory(directory); // as it is, or new: what is copied are the contents
			} else {
				const target = keep ? join(top, keep) : several ? join(top, baseName(path)) : top;
				if (keep) keepParents(tree, dirName(path), dirName(keep), top, to);
				to.ensureDirectory(dirName(target) || "/");
				to.put(found, target === top ? to.follow(target) : target);
			}
		}
	}
	to.finish();
}

/** --parents: directories on the way that are new are those of the source, with its modes or --chmod's. */
function keepParents(tree: Tree, path: string, keep: string, top: string, to: Destination): void {
	const names = keep.split("/").filter(Boolean);
	if (names.length === 0) return;
	to.ensureDirectory(top);
	const above = path.split("/").slice(0, path.split("/").length - names.length);
	for (let i = 1; i <= names.length; i++) {
		const target = join(top, names.slice(0, i).join("/"));
		if (to.isDirectory(target)) continue;
		const source = [...above, ...names.slice(0, i)].join("/");
		for (const found of tree.walk(source, () => true)) to.put(found, target);
	}
}

const join = (directory: string, name: string): string => (directory === "/" ? `/${name}` : `${directory}/${name}`);
