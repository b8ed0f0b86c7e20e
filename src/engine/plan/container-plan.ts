/** What a container's process is to do: docker's options, as they are on record, made into a plan. */
import type { Membership } from "../../cgroup/driver.ts";
import { EngineError } from "../../errors.ts";
import { lowerDirectories } from "../../image/layer/rootfs-view.ts";
import { monitorOperation } from "../../runtime/launch.ts";
import type { Operation } from "../../runtime/operations.ts";
import { compilePlan } from "../../runtime/plan.ts";
import { type ContainerUser, resolveUser } from "../../runtime/users.ts";
import { availableCapabilities } from "../../security/available.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import type { Container, ContainerConfig, Healthcheck } from "../../store/container-record.ts";
import { getImage } from "../../store/images.ts";
import { Fd } from "../../sys/fd.ts";
import {
	fstat,
	isDirectory,
	O_PATH,
	openDir,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	tryOpenat2,
} from "../../sys/file.ts";
import { overlayLayersOneByOne } from "../../sys/kernel.ts";
import { tryStat } from "../../sys/stat.ts";
import type { Engine } from "../engine.ts";
import { hostDevices } from "./devices.ts";
import { describeOutside } from "./from-outside.ts";
import { readImageFile } from "./image-file.ts";
import { idMaps, network, trees, volumes } from "./lazy.ts";
import { cgroupNamespace, ociConfig } from "./oci-config.ts";
import { seccompFilter } from "./seccomp.ts";
import { sharedFiles, sharedMemory, sharedNamespaces } from "./shared.ts";

/** How long a silent stream is waited for after the process has ended. */
const QUIET_MS = 500;

/** The monitor's part of it, which is needed before the rest. */
export function monitorOf({ paths, self }: Engine, { id, config }: Container): Operation {
	const files = paths.container(id);
	return monitorOperation({
		id,
		liveDir: paths.live(id),
		log: config.host.logDriver === "none" ? "" : files.log,
		exit: files.exit,
		reaper: [...self, "internal", "reap", id],
		terminal: config.tty,
		stdin: config.openStdin,
		stdinOnce: config.stdinOnce,
		quietMs: QUIET_MS,
		health: healthcheckOf(config) !== undefined,
	});
}

/** What is to be run in it now and then; undefined: nothing. */
export const healthcheckOf = ({ healthcheck }: ContainerConfig): Healthcheck | undefined =>
	healthcheck?.test[0]?.startsWith("CMD") ? healthcheck : undefined;

/** The image's layers, as directories for overlay. */
export function layersOf(engine: Engine, { config }: Container): string[] {
	const image = getImage(engine.db, config.imageId);
	if (!image) throw new EngineError("not-found", `No such image: ${config.image}`);
	return lowerDirectories(engine.paths, image.layers);
}

/** The plan of a container that is not started: `create --explain`. */
export function compileOnly(engine: Engine, container: Container): readonly Operation[] {
	return planOf(engine, container, undefined, { terminalSize: { rows: 0, columns: 0 } });
}

export interface PlanOptions {
	readonly terminalSize: { readonly rows: number; readonly columns: number };
	/** What must be there until the program runs; without it the plan is only to be shown. */
	readonly held?: DisposableStack;
}

/** docker's options → OCI configuration → plan. Reads the image's users; changes nothing. */
export function planOf(
	engine: Engine,
	container: Container,
	membership: Membership | undefined,
	{ terminalSize, held }: PlanOptions,
): readonly Operation[] {
	const { id, config, state } = container;
	const { host } = config;
	const { paths, cgroups } = engine;
	const files = paths.container(id);
	const layers = layersOf(engine, container);
	const tree = [files.upper, ...layers];
	const capabilities = containerCapabilities(
		{ privileged: host.privileged, add: host.capAdd, drop: host.capDrop },
		availableCapabilities(),
	);
	const user = userOf(config, tree);
	const oci = ociConfig(container, {
		user,
		capabilities,
		seccomp: seccompFilter(host, capabilities, paths.run),
		files: { ...files, ...sharedFiles(engine, host) },
		cgroupMounts: cgroups?.mounts(state.cgroup, !host.privileged, cgroupNamespace(host)) ?? [],
		volumePath: (name) => volumes().volumeSource(engine, name),
		isReadonlyVolume: (name) => volumes().isReadonlyVolume(engine, name),
		sharedMemory: sharedMemory(engine, container),
		devices: hostDevices(host),
		isFile: isNoDirectory,
		idMap: (option, source, root) => idMaps().idMapPath(option, source, root, user, held),
	});
	return compilePlan(oci, {
		monitor: monitorOf(engine, container),
		layers,
		upper: files.upper,
		work: files.work,
		plainOverlay: true, // so that `commit`, `diff` and `cp` find all of it in its own layer
		mountpoint: paths.rootfs,
		overlayLayersOneByOne: overlayLayersOneByOne(),
		cgroupJoins: membership?.procs ?? [],
		shared: sharedNamespaces(engine, host),
		network: state.endpoints.length ? network().insideOf(state.endpoints) : undefined,
		meanwhile: describeOutside(engine, host, state.endpoints.length > 0),
		terminalSize,
		...(host.mounts.some(({ type }) => type === "image")
			? { furtherMounts: trees().imageMounts(engine, host.mounts) }
			: {}),
		initProcess: host.init,
	});
}

/** Who a container's program is, by the files of its tree; `tree`: its own directory and its layers, top first. */
export function userOf({ user, host }: ContainerConfig, tree: readonly string[]): ContainerUser {
	const groups = user || host.groupAdd.length ? readImageFile(tree, "etc/group") : "";
	return resolveUser(user, readImageFile(tree, "etc/passwd"), groups, host.groupAdd);
}

/** With a root, the source is resolved in it, as it will be mounted. What is not there is told when it is mounted. */
export function isNoDirectory(source: string, root: string | undefined): boolean {
	if (root === undefined) {
		const stat = tryStat(source);
		return stat !== undefined && !isDirectory(stat.mode);
	}
	using dir = openDir(root);
	const found = tryOpenat2(dir.number, source, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (found < 0) return false;
	using place = new Fd(found);
	return !isDirectory(fstat(place.number).mode);
}
