/**
 * The story of a start: what a container needs is taken step by step, each beside its undo, and recorded before it is
 * taken, so that whoever comes after a kill -9 finds it.
 *
 *   record → address → cgroup → monitor and new process → files → plan → devices, veth pair → program runs → record
 */
import type { Membership } from "../../cgroup/driver.ts";
import { cgroupPath } from "../../cgroup/path.ts";
import { EngineError, messageOf } from "../../errors.ts";
import { FIRST_PLAN_FD, Launch, type Launched } from "../../runtime/launch.ts";
import type { Attachment } from "../../runtime/monitor.ts";
import type { Operation } from "../../runtime/operations.ts";
import { cloneFlags } from "../../runtime/plan.ts";
import type { Container, ContainerState } from "../../store/container-record.ts";
import { updateState } from "../../store/containers.ts";
import { getImage } from "../../store/images.ts";
import { putLiveRecord } from "../../store/live-records.ts";
import { releaseAddresses } from "../../store/networks.ts";
import type { Fd } from "../../sys/fd.ts";
import { openDir, writeAll } from "../../sys/file.ts";
import { mkdirSync, rmSync } from "../../sys/fs.ts";
import { memfd, startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { publishingEndpoint } from "../network/gateway.ts";
import { writeNamesFiles } from "../network/names-files.ts";
import type { BoundPorts } from "../network/publish.ts";
import { healthcheckOf, layersOf, monitorOf, type PlanOptions, planOf, userOf } from "../plan/container-plan.ts";
import { resourcesOf } from "../plan/devices.ts";
import { doBeforehand, doFromOutside } from "../plan/from-outside.ts";
import { links, network, ownership, publishing, sharedMemories, volumeFileSystems, volumes } from "../plan/lazy.ts";
import { namespacesOf, sharedNetwork } from "../plan/oci-config.ts";
import { sharedPidNamespace } from "../plan/shared.ts";
import { release, withoutLeases } from "../settle/reap.ts";
import { ensureDirectories } from "./create.ts";
import { inDockersWords } from "./start-words.ts";

/** For a container that is checked. */
const healthPlans = () => require("../plan/health-plan.ts") as typeof import("../plan/health-plan.ts");

export interface Started extends Launched {
	readonly container: Container;
	readonly plan: readonly Operation[];
	readonly warnings: readonly string[];
}

export interface StartOptions {
	/** The caller's streams; undefined: detached. */
	readonly attachment: Attachment | undefined;
	readonly terminalSize: { readonly rows: number; readonly columns: number };
	/** The container, if the caller has just made it. */
	readonly known?: Container;
	/** By its policy: only if it still waits for that. */
	readonly isAgain?: boolean;
}

/** Starts a container that doesn't run. Undone completely if it fails. */
export function start(engine: Engine, id: string, options: StartOptions): Started {
	using lock = engine.lock(id, options.known);
	const { container } = lock;
	if (!container) throw new EngineError("not-found", `No such container: ${id}`);
	if (container.state.status === "running") throw new EngineError("conflict", `container ${id} is already running`);
	if (container.state.status === "removing") {
		throw new EngineError("conflict", "container is marked for removal and cannot be started");
	}
	if (options.isAgain && container.state.status !== "restarting") {
		throw new EngineError("conflict", `container ${container.id} does not wait to be started again`);
	}
	let claimed = claim(engine, container, options.isAgain ?? false);
	let launch: Launch | undefined;
	using held = new DisposableStack();
	try {
		using ports = takePorts(engine, claimed);
		if (ports) claimed = recordPorts(engine, claimed, ports);
		const membership = prepare(engine, claimed);
		const check = healthcheckOf(claimed.config);
		const health = check && held.use(memfd("health", new Uint8Array(), false));
		launch = begin(engine, claimed, { membership, health }, options);
		const plan = complete(engine, claimed, membership, { ...options, held });
		if (check && health) writeAll(health.number, healthPlans().healthPlan(engine, claimed, check, membership), "");
		let warnings: string[] = [];
		const launched = launch.run(plan, (pid) => {
			warnings = doFromOutside(engine, claimed, pid);
			if (ports) publishing().publish(engine, claimed, ports, pid);
		});
		const running = recordRunning(engine, claimed, launched);
		return { ...launched, container: running, plan, warnings };
	} catch (error) {
		launch?.[Symbol.dispose]();
		const told = inDockersWords(error);
		undo(engine, claimed, told);
		throw told;
	}
}

/** Records what will be taken (addresses, cgroup, links), and who is at it. */
function claim(engine: Engine, container: Container, isAgain: boolean): Container {
	return engine.transaction(() => {
		const { endpoints } = container.state;
		const state: ContainerState = {
			...container.state,
			status: "starting",
			monitor: { pid: process.pid, startTime: startTime(process.pid) ?? 0 },
			cgroup: engine.cgroups ? cgroupPath(container.config.host.cgroupParent, container.id) : "",
			endpoints: endpoints.length ? network().leaseEndpoints(engine, container) : endpoints,
			oomKilled: false,
			error: "",
			restartAt: null,
			restartCount: isAgain && !container.state.restartAsked ? container.state.restartCount + 1 : 0,
			restartDelay: isAgain ? container.state.restartDelay : 0,
			stopAsked: false, // restartAsked stays until it runs: who was to start it may be killed now
		};
		updateState(engine.db, container.id, state);
		return { ...container, state };
	});
}

/** The ports of the host that it publishes, held before anything runs; undefined: none. */
function takePorts(engine: Engine, container: Container): BoundPorts | undefined {
	const { portBindings, publishAllPorts } = container.config.host;
	if (portBindings.length === 0 && !publishAllPorts) return undefined;
	// A network without a way out: nothing comes in either.
	if (!publishingEndpoint(container.state.endpoints)) return undefined;
	return publishing().bindPorts(engine, container);
}

function recordPorts(engine: Engine, container: Container, { mappings }: BoundPorts): Container {
	const state = { ...container.state, ports: [...mappings] };
	engine.transaction(() => updateState(engine.db, container.id, state));
	return { ...container, state };
}

/** What the new process is born into: its directories, its cgroup. */
function prepare(engine: Engine, container: Container): Membership | undefined {
	const { id, config, state } = container;
	const files = engine.paths.container(id);
	mkdirSync(engine.paths.live(id), { recursive: true, mode: 0o700 });
	ensureDirectories(engine, container, () => getImage(engine.db, config.imageId)?.layers ?? []);
	rmSync(files.exit, { force: true });
	// The new process has a copy of what is mounted when it is made.
	if (config.host.mounts.some(({ type }) => type === "volume")) {
		volumeFileSystems().mountFileSystems(engine, container);
	}
	if (config.host.ipcMode === "shareable") sharedMemories().mountShared(engine, container);
	return engine.cgroups?.create(state.cgroup, resourcesOf(config.host));
}

/** The process itself: from here on the kernel is busy with its namespaces. */
function begin(
	engine: Engine,
	container: Container,
	{ membership, health }: { readonly membership: Membership | undefined; readonly health: Fd | undefined },
	options: StartOptions,
): Launch {
	const { host } = container.config;
	using cgroup = membership?.directory === undefined ? undefined : openDir(membership.directory);
	using pids = host.pidMode === "" ? undefined : sharedPidNamespace(engine, host);
	const fds = [cgroup, pids].flatMap((fd) => (fd ? [fd.number] : []));
	return new Launch({
		header: {
			cloneFlags: cloneFlags(namespacesOf(host)),
			cgroupFd: cgroup ? FIRST_PLAN_FD : -1,
			pidNamespaceFd: pids ? FIRST_PLAN_FD + fds.length - 1 : -1,
		},
		monitor: monitorOf(engine, container),
		fds: health ? [...fds, health.number] : fds,
		attachment: options.attachment,
	});
}

/** Everything short of running it: devices, files, volumes, and the plan. */
function complete(engine: Engine, container: Container, membership: Membership | undefined, options: PlanOptions) {
	checkCgroups(engine, container);
	doBeforehand(engine, container);
	const files = engine.paths.container(container.id);
	const hasLinks = container.state.endpoints.some(({ links }) => links.length > 0);
	const lines = hasLinks ? links().linkLines(engine, container) : [];
	if (!sharedNetwork(container.config.host.networkMode)) writeNamesFiles(container, files, lines);
	const { mounts } = container.config.host;
	if (mounts.length) {
		const tree = [files.upper, ...layersOf(engine, container)];
		volumes().prepareMounts(engine, container, tree);
		if (mounts.some(({ options }) => options.includes("U"))) {
			ownership().giveMounts(engine, mounts, userOf(container.config, tree));
		}
	}
	return planOf(engine, container, membership, options);
}

/** Without cgroups its devices cannot be restricted: then no container may make device nodes. */
function checkCgroups(engine: Engine, { config }: Container): void {
	if (engine.cgroups || config.host.privileged) return;
	throw new EngineError(
		"unsupported",
		"No cgroup file system is mounted, so a container's devices cannot be restricted: mount cgroup2 on /sys/fs/cgroup, or use --privileged",
	);
}

function recordRunning(engine: Engine, container: Container, { pid, monitorPid, root }: Launched): Container {
	const reference = (n: number) => ({ pid: n, startTime: startTime(n) ?? 0 });
	const state: ContainerState = {
		...container.state,
		status: "running",
		init: reference(pid),
		monitor: reference(monitorPid),
		root,
		startedAt: Date.now(),
		exitCode: 0,
		restartAsked: null,
	};
	engine.transaction(() => updateState(engine.db, container.id, state));
	const running = { ...container, state };
	putLiveRecord(engine.paths, running);
	return running;
}

/** docker leaves a container that would not start as "created", with its error. */
function undo(engine: Engine, container: Container, error: unknown): void {
	release(engine, container);
	const exitCode =
		error instanceof EngineError && error.code === "command-not-found"
			? 127
			: error instanceof EngineError && error.code === "command-not-executable"
				? 126
				: 128;
	const state: ContainerState = {
		...container.state,
		status: container.state.startedAt === null ? "created" : "exited",
		monitor: null,
		restartAsked: null,
		...withoutLeases(container.state),
		cgroup: "",
		exitCode,
		error: messageOf(error),
	};
	engine.transaction(() => {
		releaseAddresses(engine.db, container.id);
		updateState(engine.db, container.id, state);
	});
}
