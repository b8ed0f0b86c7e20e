/**
 * The merged tree of an image or a build's stage, mounted in a container: an overlay in a scratch tmpfs that only the container's
 * mount namespace has, and bound from there. The host never sees it, and nothing is left when the container ends.
 */
import { EngineError } from "../../errors.ts";
import { layerDirectories, openRootfsView } from "../../image/layer/rootfs-view.ts";
import { bindOptions } from "../../runtime/mounts.ts";
import { type Operation, op } from "../../runtime/operations.ts";
import type { MountPoint } from "../../store/container-record.ts";
import { getImage } from "../../store/images.ts";
import { Fd } from "../../sys/fd.ts";
import { fstat, isDirectory, O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, tryOpenat2 } from "../../sys/file.ts";
import { overlayLayersOneByOne } from "../../sys/kernel.ts";
import type { Engine } from "../engine.ts";

export interface TreeMount {
	/** Directories of layers, top first. */
	readonly directories: readonly string[];
	/** A path in the tree. */
	readonly source: string;
	readonly target: string;
	/** What is mounted is no directory. */
	readonly file: boolean;
	readonly readonly: boolean;
}

/** `place`: a path in the scratch tmpfs that nothing else uses. With a layer in memory for what is written: it is thrown away. */
export function treeMount(mount: TreeMount, place: string, why: string): Operation[] {
	const { target } = mount;
	const upper = `${place}-upper`;
	const work = `${place}-work`;
	const overlay = overlayLayersOneByOne() ? op.overlay : op.overlayOptions;
	const on = mount.file
		? op.touch(target, 0o644, "a file to mount on")
		: op.mkdir(target, 0o755, "a place to mount on");
	const flags = bindOptions(["rprivate", mount.readonly ? "ro" : "rw"]);
	return [
		op.scratchDirectory(upper),
		op.scratchDirectory(work),
		overlay(`${place}-root`, upper, work, mount.directories),
		on,
		op.bind(mount.source, target, flags, why, `${place}-root`),
	];
}

/** `--mount type=image`, as further mounts of a plan. */
export function imageMounts(engine: Engine, mounts: readonly MountPoint[]): Operation[] {
	const all = mounts.filter(({ type }) => type === "image");
	if (all.length === 0) return [];
	const { scratch } = engine.paths;
	return [
		op.scratch(scratch),
		...all.flatMap((mount, i) => treeMount(treeOf(engine, mount), `${scratch}/image${i}`, "--mount type=image")),
	];
}

const optionOf = ({ options }: MountPoint, name: string): string | undefined =>
	options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);

function treeOf(engine: Engine, mount: MountPoint): TreeMount {
	const image = getImage(engine.db, optionOf(mount, "image") ?? "");
	if (!image) throw new EngineError("not-found", `No such image: ${mount.source}`);
	const directories = layerDirectories(engine.paths, image.layers);
	const source = optionOf(mount, "subpath") ?? "/";
	using view = openRootfsView(directories);
	const found = tryOpenat2(view.number, source, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (found < 0) throw new EngineError("not-found", `image ${mount.source} has no ${source}`);
	using place = new Fd(found);
	return {
		directories,
		source,
		target: mount.destination,
		file: !isDirectory(fstat(place.number).mode),
		readonly: true,
	};
}
