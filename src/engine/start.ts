/**
 * The story of a start: what a container needs is taken step by step, each beside its undo, and recorded before it is
 * taken, so that whoever comes after a kill -9 finds it.
 *
 *   record → address → cgroup → files → plan → monitor → veth pair → program runs → record
 */
import type { Membership } from "../cgroup/driver.ts";
import { cgroupPath } from "../cgroup/path.ts";
import { EngineError, messageOf } from "../errors.ts";
import { lowerDirectories } from "../image/rootfs-view.ts";
import { insideMessages } from "../network/endpoint.ts";
import { FIRST_PLAN_FD, type Launched, launch, monitorOperation } from "../runtime/launch.ts";
import type { Attachment } from "../runtime/monitor.ts";
import type { Operation } from "../runtime/operations.ts";
import { cloneFlags, compilePlan } from "../runtime/plan.ts";
import { resolveUser } from "../runtime/users.ts";
import { availableCapabilities } from "../security/available.ts";
import { containerCapabilities } from "../security/capabilities.ts";
import type { Container, ContainerState } from "../store/container-record.ts";
import { updateState } from "../store/containers.ts";
import { getImage } from "../store/images.ts";
import { releaseAddresses } from "../store/networks.ts";
import { Fd } from "../sys/fd.ts";
import {
	fstat,
	isDirectory,
	O_PATH,
	openDir,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	tryOpenat2,
} from "../sys/file.ts";
import { mkdirSync, rmSync } from "../sys/fs.ts";
import { overlayLayersOneByOne } from "../sys/kernel.ts";
import { startTime } from "../sys/process.ts";
import { tryStat } from "../sys/stat.ts";
import { ensureDirectories } from "./create.ts";
import { deviceRules, hostDevices, resourcesOf } from "./devices.ts";
import type { Engine } from "./engine.ts";
import { readImageFile } from "./image-file.ts";
import { writeNamesFiles } from "./names-files.ts";
import { BRIDGE, type BridgeLease, connect, endpointOf, leaseAddress } from "./network.ts";
import { ociConfig } from "./oci-config.ts";
import { release } from "./reap.ts";
import { seccompFilter } from "./seccomp.ts";
import { prepareMounts } from "./volumes.ts";

export interface Started extends Launched {
	readonly container: Container;
	readonly plan: readonly Operation[];
}

export interface StartOptions {
	/** The caller's streams; undefined: detached. */
	readonly attachment: Attachment | undefined;
	readonly terminalSize: { readonly rows: number; readonly columns: number };
}

/** Starts a container that doesn't run. Undone completely if it fails. */
export function start(engine: Engine, id: string, options: StartOptions): Started {
	using lock = engine.lock(id);
	const { container } = lock;
	if (!container) throw new EngineError("not-found", `No such container: ${id}`);
	if (container.state.status === "running") throw new EngineError("conflict", `container ${id} is already running`);
	if (container.state.status === "removing") {
		throw new EngineError("conflict", "container is marked for removal and cannot be started");
	}
	const claimed = claim(engine, container);
	try {
		const prepared = prepare(engine, claimed.container, options);
		const launched = launch({
			header: prepared.header,
			plan: prepared.plan,
			fds: prepared.cgroup ? [prepared.cgroup.number] : [],
			name: id,
			attachment: options.attachment,
			onCreated: (pid) => claimed.lease && connect(claimed.lease, pid),
		});
		prepared.cgroup?.[Symbol.dispose]();
		const running = recordRunning(engine, claimed.container, launched);
		return { ...launched, container: running, plan: prepared.plan };
	} catch (error) {
		const told = inDockersWords(error);
		undo(engine, claimed.container, told);
		throw told;
	}
}

/** A program that cannot be executed is told in the words of docker's four layers, which scripts look for. */
function inDockersWords(error: unknown): unknown {
	if (!(error instanceof EngineError) || !error.message.startsWith("exec")) return error;
	if (error.code !== "command-not-found" && error.code !== "command-not-executable") return error;
	const text = `failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ${error.message}: unknown`;
	return new EngineError(error.code, text, { cause: error });
}

/** Records what will be taken (address, cgroup, link), and who is at it. */
function claim(engine: Engine, container: Container): { container: Container; lease: BridgeLease | undefined } {
	return engine.transaction(() => {
		const lease = container.config.host.networkMode === BRIDGE ? leaseAddress(engine, container) : undefined;
		const state: ContainerState = {
			...container.state,
			status: "starting",
			monitor: { pid: process.pid, startTime: startTime(process.pid) ?? 0 },
			cgroup: engine.cgroups ? cgroupPath(container.config.host.cgroupParent, container.id) : "",
			network: lease?.state ?? null,
			oomKilled: false,
			error: "",
		};
		updateState(engine.db, container.id, state);
		return { container: { ...container, state }, lease };
	});
}

/** Everything short of running it: cgroup, files, volumes, and the plan. */
function prepare(engine: Engine, container: Container, options: StartOptions) {
	const { id, config, state } = container;
	const { paths, cgroups } = engine;
	const files = paths.container(id);
	mkdirSync(paths.live(id), { recursive: true, mode: 0o700 });
	ensureDirectories(engine, container, getImage(engine.db, config.imageId)?.layers ?? []);
	rmSync(files.exit, { force: true });
	const membership = cgroups?.create(state.cgroup, resourcesOf(config.host));
	if (!config.host.privileged) restrictDevices(engine, container);
	writeNamesFiles(container, files, state.network);
	prepareMounts(engine, container, [files.upper, ...layersOf(engine, container)]);
	const { plan, namespaces } = planOf(engine, container, membership, options);
	const cgroup = membership?.directory === undefined ? undefined : openDir(membership.directory);
	const header = {
		cloneFlags: cloneFlags(namespaces),
		cgroupFd: cgroup ? FIRST_PLAN_FD : -1,
		pidNamespaceFd: -1,
	};
	return { plan, header, cgroup };
}

/** Before a process is in the cgroup. A host without cgroups cannot: then no container may make device nodes. */
function restrictDevices(engine: Engine, { config, state }: Container): void {
	if (engine.cgroups) {
		engine.cgroups.restrictDevices(state.cgroup, deviceRules(config.host));
		return;
	}
	throw new EngineError(
		"unsupported",
		"No cgroup file system is mounted, so a container's devices cannot be restricted: mount cgroup2 on /sys/fs/cgroup, or use --privileged",
	);
}

function layersOf(engine: Engine, { config }: Container): string[] {
	const image = getImage(engine.db, config.imageId);
	if (!image) throw new EngineError("not-found", `No such image: ${config.image}`);
	return lowerDirectories(engine.paths, image.layers);
}

/** The plan of a container that is not started: `create --explain`. */
export function compileOnly(engine: Engine, container: Container): readonly Operation[] {
	const options = { attachment: undefined, terminalSize: { rows: 0, columns: 0 } };
	return planOf(engine, container, undefined, options).plan;
}

/** docker's options → OCI configuration → plan. Reads the image's users; changes nothing. */
function planOf(engine: Engine, container: Container, membership: Membership | undefined, options: StartOptions) {
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
	const user = resolveUser(
		config.user,
		readImageFile(tree, "etc/passwd"),
		config.user || host.groupAdd.length ? readImageFile(tree, "etc/group") : "",
		host.groupAdd,
	);
	const oci = ociConfig(container, {
		user,
		capabilities,
		seccomp: seccompFilter(host, capabilities, paths.run),
		files,
		cgroupMounts: cgroups?.mounts(state.cgroup, !host.privileged) ?? [],
		volumePath: paths.volume,
		devices: hostDevices(host),
		isFile: isNoDirectory,
	});
	const plan = compilePlan(oci, {
		monitor: monitorOperation({
			id,
			liveDir: paths.live(id),
			log: host.logDriver === "none" ? "" : files.log,
			exit: files.exit,
			reaper: [...engine.self, "internal", "reap", id],
			terminal: config.tty,
			stdin: config.openStdin,
			stdinOnce: config.stdinOnce,
			quietMs: QUIET_MS,
		}),
		layers,
		upper: files.upper,
		work: files.work,
		mountpoint: paths.rootfs,
		overlayLayersOneByOne: overlayLayersOneByOne(),
		cgroupJoins: membership?.procs ?? [],
		network: state.network ? insideMessages(endpointOf(state.network)) : undefined,
		terminalSize: options.terminalSize,
		initProcess: host.init,
	});
	return { plan, namespaces: oci.linux.namespaces };
}

/** With a root, the source is resolved in it, as it will be mounted. What is not there is told when it is mounted. */
function isNoDirectory(source: string, root: string | undefined): boolean {
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

const QUIET_MS = 500;

function recordRunning(engine: Engine, container: Container, { pid, monitorPid }: Launched): Container {
	const reference = (n: number) => ({ pid: n, startTime: startTime(n) ?? 0 });
	const state: ContainerState = {
		...container.state,
		status: "running",
		init: reference(pid),
		monitor: reference(monitorPid),
		startedAt: Date.now(),
		finishedAt: null,
		exitCode: 0,
	};
	engine.transaction(() => updateState(engine.db, container.id, state));
	return { ...container, state };
}

/** docker leaves a container that would not start as "created", with its error. */
function undo(engine: Engine, container: Container, error: unknown): void {
	release(engine, container.id, container.state);
	const exitCode =
		error instanceof EngineError && error.code === "command-not-found"
			? 127
			: error instanceof EngineError && error.code === "command-not-executable"
				? 126
				: 128;
	const state: ContainerState = {
		...container.state,
		status: "created",
		monitor: null,
		network: null,
		cgroup: "",
		exitCode,
		error: messageOf(error),
	};
	engine.transaction(() => {
		releaseAddresses(engine.db, container.id);
		updateState(engine.db, container.id, state);
	});
}
