/** Opens what COPY, ADD and RUN --mount take files from: the context, a stage, an image, nothing. */
import { layerDirectories, openRootfsView } from "../../image/layer/rootfs-view.ts";
import type { Paths } from "../../paths.ts";
import { stagingDirectory } from "../../store/staging.ts";
import { openDir } from "../../sys/file.ts";
import { chainOf } from "../cache/cache.ts";
import type { IgnoreRules } from "../files/ignore.ts";
import { Destination } from "../files/place.ts";
import { Tree } from "../files/tree.ts";
import type { LocalContext } from "./options.ts";

/** A source with its identity. */
export interface OpenSource extends Disposable {
	readonly tree: Tree;
	/** Digest of all there is in it; undefined: a directory of the host, which may change. */
	readonly identity: string | undefined;
	/** Directories that, merged, are it, top first; undefined: a context, which has to be copied to be mounted. */
	readonly directories: readonly string[] | undefined;
	/** The context that it is, if it is one. */
	readonly context?: LocalContext;
}

/** The merged root of layers, read-only. */
export function openLayers(paths: Paths, layers: readonly string[]): OpenSource {
	const directories = layers.length ? layerDirectories(paths, layers) : [paths.emptyLayer];
	const tree = new Tree(openRootfsView(directories), { keepsOwners: true });
	return { tree, identity: chainOf(layers), directories, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

export function openContext(context: LocalContext): OpenSource {
	const tree = openDirectory(context.directory, context.ignore);
	return { tree, identity: undefined, directories: undefined, context, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

const openDirectory = (directory: string, ignore: IgnoreRules): Tree =>
	new Tree(openDir(directory), { ignore, keepsOwners: false });

/** A copy of a context without what is ignored, owned by root, to mount into steps. The caller removes it. */
export function materialize(paths: Paths, context: LocalContext): string {
	const dir = stagingDirectory(paths);
	using source = openContext(context);
	using root = openDir(dir);
	using destination = new Destination(root.number, { owner: undefined, chmod: undefined, keepsOwners: false });
	for (const found of source.tree.walk("", () => false))
		if (found.path !== "") destination.put(found, `/${found.path}`);
	destination.finish();
	return dir;
}
