/**
 * The files of a container, running or not, to be read or written from outside. Of one that runs they are what it sees itself, with
 * volumes and all that is mounted; of another, its own layer and the image's, and its volumes and directories of the host where
 * they would be mounted. No path leads out of it: each is opened as by a process with that root directory (openat2(2),
 * RESOLVE_IN_ROOT), whatever links its programs make meanwhile.
 */
import { EngineError } from "../../errors.ts";
import { openWritableRootfs } from "../../image/layer/rootfs-view.ts";
import { isOfKernel } from "../../image/layer/tree-archive.ts";
import type { Container, MountPoint } from "../../store/container-record.ts";
import { getImage } from "../../store/images.ts";
import { getVolume } from "../../store/volumes.ts";
import { Fd } from "../../sys/fd.ts";
import {
	AT_FDCWD,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_PATH,
	openat2,
	openDir,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	tryOpenat2,
} from "../../sys/file.ts";
import { existsSync } from "../../sys/fs.ts";
import { ensureDirectories } from "../container/create.ts";
import type { Engine } from "../engine.ts";
import { layersOf } from "../plan/container-plan.ts";
import { volumes } from "../plan/lazy.ts";
import { runningPid } from "../running.ts";
import { isFileSystem } from "../volume/file-system.ts";

const IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

interface Part {
	/** Where in the container; "" is its root. */
	readonly at: string;
	readonly root: Fd;
	readonly isReadonly: boolean;
}

export class ContainerTree implements Disposable {
	/** Those that are deepest first. */
	readonly #parts: readonly Part[];
	readonly #lock: Disposable | undefined;

	private constructor(parts: readonly Part[], lock: Disposable | undefined) {
		this.#parts = parts;
		this.#lock = lock;
	}

	/** One that does not run is not started meanwhile. */
	static open(engine: Engine, id: string): ContainerTree {
		const lock = engine.lock(id);
		try {
			const { container } = lock;
			if (!container) throw new EngineError("not-found", `No such container: ${id}`);
			const pid = runningPid(container);
			if (pid === undefined) return new ContainerTree(partsOf(engine, container), lock);
			const root = openat2(AT_FDCWD, `/proc/${pid}/root`, O_PATH | O_DIRECTORY);
			if (runningPid(container) !== pid) throw new EngineError("not-running", `container ${id} is not running`);
			lock[Symbol.dispose]();
			return new ContainerTree([{ at: "", root, isReadonly: false }], undefined);
		} catch (error) {
			lock[Symbol.dispose]();
			throw error;
		}
	}

	/** Opens a place with O_PATH; undefined: there is none. `follow`: also a link that is last in it. */
	tryOpen(path: string, follow: boolean): Fd | undefined {
		const { part, rest } = this.#partOf(path);
		const fd = tryOpenat2(part.root.number, rest, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, IN_ROOT);
		if (fd < 0) return undefined;
		const place = new Fd(fd);
		if (!isOfKernel(place.number)) return place;
		place[Symbol.dispose]();
		return undefined;
	}

	/** Throws EngineError for what its programs cannot write to either. What runs is asked when it is written to. */
	checkWritable(path: string): void {
		const { part } = this.#partOf(path);
		if (!part.isReadonly) return;
		throw new EngineError(
			"conflict",
			part.at ? "mounted volume is marked read-only" : "container rootfs is marked read-only",
		);
	}

	#partOf(path: string): { part: Part; rest: string } {
		for (const part of this.#parts) {
			if (path === part.at || part.at === "") return { part, rest: path === part.at ? "." : path };
			if (path.startsWith(`${part.at}/`)) return { part, rest: path.slice(part.at.length + 1) };
		}
		throw new EngineError("failed", "a container has a root directory");
	}

	[Symbol.dispose](): void {
		for (const { root } of this.#parts) root[Symbol.dispose]();
		this.#lock?.[Symbol.dispose]();
	}
}

/** What would be mounted, where it would be; volumes are made, and filled, as at a start. A file is found in the layer. */
function partsOf(engine: Engine, container: Container): Part[] {
	ensureDirectories(engine, container, () => getImage(engine.db, container.config.imageId)?.layers ?? []);
	const { upper, work } = engine.paths.container(container.id);
	const { host } = container.config;
	const layers = layersOf(engine, container);
	if (host.mounts.length) volumes().prepareMounts(engine, container, [upper, ...layers]);
	using held = new DisposableStack();
	const root = held.use(openWritableRootfs(layers, upper, work));
	const parts: Part[] = [{ at: "", root, isReadonly: host.readonlyRootfs }];
	for (const mount of host.mounts) {
		const found = mounted(engine, mount);
		for (const part of found) held.use(part.root);
		parts.push(...found);
	}
	held.move(); // they are the tree's from here on
	return parts.toSorted((a, b) => b.at.length - a.at.length);
}

function mounted(engine: Engine, { type, source, destination, readonly, options }: MountPoint): Part[] {
	if (type !== "bind" && type !== "volume") return [];
	if (type === "volume" && isFileSystem(getVolume(engine.db, source)?.options ?? {})) {
		throw new EngineError("conflict", `volume ${source} is a file system of its own: start the container first`);
	}
	const path = type === "bind" ? source : volumes().volumeSource(engine, source);
	if (!existsSync(`${path}/.`)) return [];
	const isReadonly = readonly || (type === "volume" && volumes().isReadonlyVolume(engine, source));
	const subpath = options.find((option) => option.startsWith("subpath="))?.slice("subpath=".length);
	if (subpath === undefined) return [{ at: destination, root: openDir(path), isReadonly }];
	using whole = openDir(path);
	const fd = tryOpenat2(whole.number, subpath, O_PATH | O_DIRECTORY, 0, IN_ROOT);
	return fd < 0 ? [] : [{ at: destination, root: new Fd(fd), isReadonly }];
}
