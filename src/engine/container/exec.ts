/** `exec`: a further process in a container that runs. */
import { EngineError } from "../../errors.ts";
import type { ProcessConfig } from "../../runtime/config.ts";
import { FIRST_PLAN_FD, Launch, type Launched, monitorOperation } from "../../runtime/launch.ts";
import type { Attachment } from "../../runtime/monitor.ts";
import { directoryId, type Operation } from "../../runtime/operations.ts";
import { compileExecPlan, type ExecInputs } from "../../runtime/plan-exec.ts";
import { resolveUser } from "../../runtime/users.ts";
import { availableCapabilities } from "../../security/available.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import { findLiveRecord } from "../../store/live-records.ts";
import { ENOENT, ESRCH, SyscallError } from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import { O_DIRECTORY, O_PATH, openat2, openDir, readFileInRoot, tryOpenat2 } from "../../sys/file.ts";
import { pidfdOpen, startTime } from "../../sys/process.ts";
import { statFd } from "../../sys/stat.ts";
import type { Engine } from "../engine.ts";
import { environment, mergeEnvironment } from "../plan/environment.ts";
import { capabilitySets, noNewPrivileges } from "../plan/oci-config.ts";
import { seccompFilter } from "../plan/seccomp.ts";
import { settleAll } from "./open-settled.ts";

export interface ExecOptions {
	readonly command: readonly string[];
	readonly env: readonly string[];
	readonly user: string | undefined;
	readonly workingDir: string | undefined;
	readonly tty: boolean;
	readonly stdin: boolean;
	readonly privileged: boolean;
	readonly attachment: Attachment | undefined;
	readonly terminalSize: { readonly rows: number; readonly columns: number };
}

export interface Executed extends Launched {
	readonly plan: readonly Operation[];
}

/** A process that runs forever in the background must not be waited for by a stream it left open. */
const QUIET_MS = 100;

/** `engine` may be one that was opened quietly: a container that runs is found without the database. */
export async function exec(engine: Engine, nameOrId: string, options: ExecOptions): Promise<Executed> {
	const live = findLiveRecord(engine.paths, nameOrId);
	const lives = live && isAlive(live);
	if (!lives) await settleAll(engine);
	try {
		return execIn(engine, lives ? live : findContainer(engine.db, nameOrId), options);
	} catch (error) {
		// It ended while we were at it: then its /proc entry, its cgroup or its namespaces are gone.
		if (hasEnded(error)) {
			const { id, state } = findContainer(engine.db, nameOrId);
			if (!state.init || startTime(state.init.pid) !== state.init.startTime) {
				throw new EngineError("not-running", `container ${id} is not running`, { cause: error });
			}
		}
		throw error;
	}
}

/** ENOENT or ESRCH of a call, or of an operation of the plan that needs the container alive. */
function hasEnded(error: unknown): boolean {
	if (error instanceof SyscallError) return error.errno === ENOENT || error.errno === ESRCH;
	return (
		error instanceof EngineError &&
		error.code === "failed" &&
		/no such (process|file or directory)$/.test(error.message)
	);
}

const isAlive = ({ state: { init } }: Container): boolean => init !== null && startTime(init.pid) === init.startTime;

function execIn(engine: Engine, container: Container, options: ExecOptions): Executed {
	const { init } = container.state;
	if (container.state.status === "restarting") {
		throw new EngineError("conflict", `Container ${container.name} is restarting, wait until the container is running`);
	}
	const pidfd = container.state.status === "running" && init ? pidfdOpen(init.pid) : undefined;
	if (!init || !pidfd || startTime(init.pid) !== init.startTime) {
		throw new EngineError("not-running", `container ${container.id} is not running`);
	}
	using process = pidfd;
	if (container.state.paused) {
		throw new EngineError("conflict", `Container ${container.name} is paused, unpause the container before exec`);
	}
	const membership = engine.cgroups?.join(container.state.cgroup);
	using cgroup = membership?.directory ? openDir(membership.directory) : undefined;
	const monitor = monitorOperation({
		id: `${container.id.slice(0, 12)} exec`,
		liveDir: "",
		log: "",
		exit: "",
		reaper: [],
		terminal: options.tty,
		stdin: options.stdin,
		stdinOnce: true,
		quietMs: QUIET_MS,
	});
	const launch = new Launch({
		header: { cloneFlags: 0, cgroupFd: cgroup ? FIRST_PLAN_FD + 1 : -1, pidNamespaceFd: FIRST_PLAN_FD },
		monitor,
		fds: [process.number, ...(cgroup ? [cgroup.number] : [])],
		attachment: options.attachment,
	});
	try {
		const plan = planOf(engine, container, options, {
			monitor,
			pid: init.pid,
			root: directoryId(container.state.root),
			cgroupJoins: membership?.procs ?? [],
		});
		return { ...launch.run(plan), plan };
	} catch (error) {
		launch[Symbol.dispose]();
		throw error;
	}
}

function planOf(
	engine: Engine,
	container: Container,
	options: ExecOptions,
	target: Pick<ExecInputs, "monitor" | "pid" | "root" | "cgroupJoins">,
): readonly Operation[] {
	const { host } = container.config;
	const capabilities = containerCapabilities(
		{ privileged: options.privileged || host.privileged, add: host.capAdd, drop: host.capDrop },
		availableCapabilities(),
	);
	return compileExecPlan(processOf(container, options, target.pid, capabilities), {
		...target,
		pidfd: FIRST_PLAN_FD,
		terminalSize: options.terminalSize,
		seccomp: options.privileged ? undefined : seccompFilter(host, capabilities, engine.paths.run),
	});
}

function processOf(container: Container, options: ExecOptions, initPid: number, capabilities: bigint): ProcessConfig {
	const { config } = container;
	// The container's own files, as it has them now, resolved as it would.
	using root = containerRoot(initPid, container.state.root);
	const user = resolveUser(
		options.user ?? config.user,
		readFileInRoot(root.number, "etc/passwd", 1 << 20) ?? "",
		readFileInRoot(root.number, "etc/group", 1 << 20) ?? "",
		config.host.groupAdd,
	);
	const cwd = options.workingDir || config.workingDir || "/";
	if (!cwd.startsWith("/")) throw new EngineError("command-not-executable", "Cwd must be an absolute path");
	return {
		terminal: options.tty,
		user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
		args: options.command,
		env: environment(mergeEnvironment(config.env, options.env), {
			hostname: config.hostname,
			home: user.home,
			tty: options.tty,
		}),
		cwd,
		umask: 0o022,
		capabilities: capabilitySets(capabilities, user.uid),
		rlimits: config.host.ulimits.map(({ name, soft, hard }) => ({ type: name, soft, hard })),
		noNewPrivileges: noNewPrivileges(config.host.securityOpt),
		oomScoreAdj: config.host.oomScoreAdj,
	};
}

/** As many levels as are gone up. */
const DEPTH = 64;

/**
 * The container's root directory. /proc/<pid>/root leads into the other mount namespace (a magic link of the kernel, not
 * of the container); if the first process has chroot'ed itself, the container's root lies above. One that is not found
 * there, or was not recorded, is taken to be its.
 */
function containerRoot(initPid: number, id: string | null): Fd {
	using proc = openDir(`/proc/${initPid}`);
	const first = openat2(proc.number, "root", O_PATH | O_DIRECTORY);
	if (id === null || statFd(first.number).id === id) return first;
	let at = tryOpenat2(first.number, "..", O_PATH | O_DIRECTORY, 0, 0);
	for (let level = 0; level < DEPTH && at >= 0; level++) {
		using below = new Fd(at);
		if (statFd(below.number).id === id) {
			first[Symbol.dispose]();
			return new Fd(below.release());
		}
		at = tryOpenat2(below.number, "..", O_PATH | O_DIRECTORY, 0, 0);
	}
	if (at >= 0) new Fd(at)[Symbol.dispose]();
	return first;
}
