/** Volumes of a container at its start: their directories, and the image's content in those that are new. */
import { EngineError } from "../../errors.ts";
import { openRootfsView } from "../../image/layer/rootfs-view.ts";
import type { Container, MountPoint } from "../../store/container-record.ts";
import { getVolume, volumeIsLive } from "../../store/volumes.ts";
import { copyTree } from "../../sys/copy-tree.ts";
import { Fd } from "../../sys/fd.ts";
import { O_DIRECTORY, O_RDONLY, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, tryOpenat2 } from "../../sys/file.ts";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "../../sys/fs.ts";
import { nodeFs } from "../../sys/node.ts";
import { statFd } from "../../sys/stat.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { isFileSystem } from "./file-system.ts";
import { volumeLock } from "./lock.ts";

/**
 * Makes what the container's mounts need on the host. `directories` are its own upper and its layers, top first; `starting`: its ID,
 * if it does not have any of them yet.
 */
export function prepareMounts(
	engine: Engine,
	container: Container,
	directories: readonly string[],
	starting = container.id,
): void {
	for (const mount of container.config.host.mounts) {
		if (mount.type === "bind") prepareBind(mount);
		if (mount.type === "volume") prepareVolume(engine, starting, mount, directories);
	}
}

function prepareBind(mount: MountPoint): void {
	if (existsSync(mount.source)) {
		checkPropagation(mount);
		return;
	}
	if (!mount.createSource) {
		throw new EngineError(
			"invalid",
			`invalid mount config for type "bind": bind source path does not exist: ${mount.source}`,
		);
	}
	mkdirSync(mount.source, { recursive: true, mode: 0o755 });
}

/** Events pass to or from the host only where the host's own mount takes part (mount_namespaces(7), peer groups). */
function checkPropagation({ source, options }: MountPoint): void {
	const wanted = options.find((option) => /^r?(shared|slave)$/.test(option))?.replace(/^r/, "");
	if (wanted === undefined) return;
	const path = nodeFs().realpathSync(source);
	const mounts = readFileSync("/proc/self/mountinfo", "utf8")
		.split("\n")
		.map((line) => line.split(" "))
		.filter((fields) => fields[4] && `${path}/`.startsWith(fields[4] === "/" ? "/" : `${fields[4]}/`));
	const fields = mounts.reduce<string[]>(
		(best, one) => ((one[4]?.length ?? 0) >= (best[4]?.length ?? 0) ? one : best),
		[],
	);
	const optional = fields.slice(6, fields.indexOf("-"));
	const shared = optional.some((field) => field.startsWith("shared:"));
	const slave = optional.some((field) => field.startsWith("master:"));
	if (shared || (wanted === "slave" && slave)) return;
	const kind = wanted === "shared" ? "a shared" : "a shared or slave";
	throw new EngineError("invalid", `path ${source} is mounted on ${fields[4]} but it is not ${kind} mount`);
}

/**
 * An empty volume is filled once from the image's directory, whose owner and mode it takes.
 */
function prepareVolume(engine: Engine, containerId: string, mount: MountPoint, directories: readonly string[]): void {
	const volume = getVolume(engine.db, mount.source);
	const data = engine.paths.volume(mount.source);
	if (volume && isFileSystem(volume.options)) {
		using _lock = volumeLock(engine, mount.source);
		if (!volumeIsLive(engine.db, mount.source, containerId)) fillPlace(mount, data, directories);
		return;
	}
	const device = volume?.options["device"];
	if (device !== undefined) {
		prepareDevice(mount, device, directories);
		return;
	}
	const parent = `${engine.paths.volumes}/${mount.source}`;
	using _lock = volumeLock(engine, mount.source);
	mkdirSync(parent, { recursive: true, mode: 0o755 });
	if (existsSync(data)) {
		if (mount.options.includes("nocopy") || readdirSync(data).length > 0) return;
		// While a container has it mounted, it is that container's to change under our hands: then it stays empty.
		if (volumeIsLive(engine.db, mount.source, containerId)) return;
	}
	// Made aside and renamed: one that was half filled when we were killed would never be filled again. rename(2)
	// replaces an empty directory.
	const aside = `${parent}/.filling`;
	removeTree(aside);
	mkdirSync(aside, { mode: 0o755 });
	if (!mount.options.includes("nocopy")) fill(aside, mount.destination, directories);
	renameSync(aside, data);
}

/** A volume that is another place's name. That is filled as it is: it may be on another file system, and is the user's. */
function prepareDevice(mount: MountPoint, device: string, directories: readonly string[]): void {
	if (!existsSync(device)) {
		throw new EngineError(
			"invalid",
			`error while mounting volume '${mount.source}': failed to mount local volume: ${device}: no such file or directory`,
		);
	}
	fillPlace(mount, device, directories);
}

/** As it is, where it is empty. */
function fillPlace(mount: MountPoint, place: string, directories: readonly string[]): void {
	if (mount.options.includes("nocopy") || readdirSync(place).length > 0) return;
	fill(place, mount.destination, directories);
}

/** Where a volume's files are: a directory of the host. */
export function volumeSource(engine: Engine, name: string): string {
	const options = getVolume(engine.db, name)?.options ?? {};
	return isFileSystem(options) ? engine.paths.volume(name) : (options["device"] ?? engine.paths.volume(name));
}

/** "ro" among the options of a volume that is bound. */
export function isReadonlyVolume(engine: Engine, name: string): boolean {
	const options = getVolume(engine.db, name)?.options ?? {};
	return !isFileSystem(options) && (options["o"] ?? "").split(",").includes("ro");
}

function fill(directory: string, destination: string, layers: readonly string[]): void {
	using view = openRootfsView(layers);
	const flags = O_RDONLY | O_DIRECTORY;
	const source = tryOpenat2(view.number, destination, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (source < 0) return; // the image has nothing there
	using from = new Fd(source);
	copyTree(from.number, directory);
	const { mode, uid, gid } = statFd(from.number);
	nodeFs().chownSync(directory, uid, gid);
	nodeFs().chmodSync(directory, mode & 0o7777);
}
