/** Mounts of a container that runs, made and taken away: each by a process that joins its mount namespace. */
import { EngineError } from "../../errors.ts";
import type { Mount } from "../../runtime/config.ts";
import { FIRST_PLAN_FD, Launch, monitorOperation } from "../../runtime/launch.ts";
import { type DirectoryId, directoryId } from "../../runtime/operations.ts";
import { compileMountPlan, type Unmount } from "../../runtime/plan-mount.ts";
import type { ContainerUser } from "../../runtime/users.ts";
import type { Container, MountPoint } from "../../store/container-record.ts";
import { Fd } from "../../sys/fd.ts";
import { O_PATH, openDir, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, tryOpenat2 } from "../../sys/file.ts";
import { pidfdOpen } from "../../sys/process.ts";
import { statFd } from "../../sys/stat.ts";
import type { Engine } from "../engine.ts";
import { isNoDirectory, layersOf, userOf } from "../plan/container-plan.ts";
import { idMaps, ownership, volumeFileSystems, volumes } from "../plan/lazy.ts";
import { userMount } from "../plan/oci-config.ts";

/** Mounts one; a volume's directory is made, and filled, as at the container's start. It is on record. */
export function mountLive(engine: Engine, container: Container, mount: MountPoint): void {
	const alone = withMounts(container, [mount]);
	if (mount.type === "volume") volumeFileSystems().mountFileSystems(engine, alone);
	const directories = [engine.paths.container(container.id).upper, ...layersOf(engine, container)];
	// What it has mounted already is its own program's to change under our hands.
	const hasIt =
		container.config.host.mounts.filter((one) => one.type === "volume" && one.source === mount.source).length > 1;
	volumes().prepareMounts(engine, alone, directories, hasIt ? "" : container.id);
	const user = userOf(container.config, directories);
	ownership().giveMounts(engine, [mount], user);
	using held = new DisposableStack();
	change(container, runtimeMount(engine, mount, { user, held }));
}

export const withMounts = (container: Container, mounts: readonly MountPoint[]): Container => ({
	...container,
	config: { ...container.config, host: { ...container.config.host, mounts: [...mounts] } },
});

/** `ids`: whose the files of an id-mapped mount are to be, and what keeps the map; without it, it is not to be mounted. */
function runtimeMount(engine: Engine, mount: MountPoint, ids?: { user: ContainerUser; held: DisposableStack }): Mount {
	const volumePath = (name: string) => volumes().volumeSource(engine, name);
	const isReadonlyVolume = (name: string) => volumes().isReadonlyVolume(engine, name);
	const idMap = (option: string, source: string, root: string | undefined) =>
		ids ? idMaps().idMapPath(option, source, root, ids.user, ids.held) : "";
	return userMount(mount, { volumePath, isReadonlyVolume, isFile: isNoDirectory, idMap });
}

/** Throws EngineError where a program is in it, or something else is there. That nothing is mounted there is fine. */
export function unmountLive(engine: Engine, container: Container, mount: MountPoint): void {
	const { destination: place } = mount;
	const { name } = container;
	const below = container.config.host.mounts.find((one) => one.destination.startsWith(`${place}/`));
	const refuse = (reason: string, cause?: unknown) =>
		new EngineError("conflict", `${place} cannot be unmounted from container ${name}: ${reason}`, { cause });
	if (below) throw refuse(`${below.destination} is mounted below it: take that away first`);
	try {
		change(container, { place, what: identityOf(runtimeMount(engine, mount), refuse) });
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		if (/: invalid argument$|no such file or directory/.test(error.message)) return;
		if (/stale file handle|too many levels of symbolic links/.test(error.message)) {
			throw refuse("something else is there now: it goes when the container ends", error);
		}
		if (!/device or resource busy/.test(error.message)) throw error;
		throw new EngineError("conflict", `${place} is busy: a program of container ${name} is in it`, { cause: error });
	}
}

const NO_DIRECTORY: DirectoryId = { dev: 0n, ino: 0n };

/** The directory or file that is mounted. */
function identityOf(mount: Mount, refuse: (reason: string) => EngineError): DirectoryId {
	if (mount.type !== "bind") return NO_DIRECTORY;
	using root = openDir(mount.root ?? "/");
	const resolve = mount.root === undefined ? 0 : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	const found = tryOpenat2(root.number, mount.source, O_PATH, 0, resolve);
	if (found < 0) throw refuse(`${mount.source} is not there any more: it goes when the container ends`);
	using place = new Fd(found);
	return directoryId(statFd(place.number).id);
}

function change({ id, state: { init, root } }: Container, what: Mount | Unmount): void {
	using pidfd = init ? pidfdOpen(init.pid) : undefined;
	if (!pidfd || !init) throw new EngineError("not-running", `container ${id} is not running`);
	const monitor = monitorOperation({
		...{ id: `${id.slice(0, 12)} mount`, liveDir: "", log: "", exit: "", reaper: [], quietMs: 0 },
		...{ terminal: false, stdin: false, stdinOnce: false },
	});
	const launch = new Launch({
		header: { cloneFlags: 0, cgroupFd: -1, pidNamespaceFd: FIRST_PLAN_FD },
		monitor,
		fds: [pidfd.number],
		attachment: undefined,
	});
	try {
		const plan = compileMountPlan(what, { monitor, pidfd: FIRST_PLAN_FD, pid: init.pid, root: directoryId(root) });
		using _launched = launch.run(plan);
	} catch (error) {
		launch[Symbol.dispose]();
		throw error;
	}
}
