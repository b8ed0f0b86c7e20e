/**
 * A step of a build: a process in a container that is on no list. It is made and started as any other (start.ts), tied
 * to this command: when the command goes, whatever way, the monitor kills it.
 */
import type { RunStep } from "../../build/session/host.ts";
import type { Membership } from "../../cgroup/driver.ts";
import { cgroupPath } from "../../cgroup/path.ts";
import { EngineError } from "../../errors.ts";
import { containerPaths } from "../../paths.ts";
import { FIRST_PLAN_FD, Launch, monitorOperation } from "../../runtime/launch.ts";
import type { Attachment, MonitorClient } from "../../runtime/monitor.ts";
import type { Operation } from "../../runtime/operations.ts";
import { cloneFlags, compilePlan, type PlanInputs } from "../../runtime/plan.ts";
import { exitCodeOf } from "../../runtime/signals.ts";
import { resolveUser } from "../../runtime/users.ts";
import { availableCapabilities } from "../../security/available.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import type { Container } from "../../store/container-record.ts";
import { close } from "../../sys/fd.ts";
import { openDir } from "../../sys/file.ts";
import { mkdirSync } from "../../sys/fs.ts";
import { overlayLayersOneByOne } from "../../sys/kernel.ts";
import { pipe } from "../../sys/pipe.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { insideOf, leaseEndpoints } from "../network/endpoint.ts";
import { writeNamesFiles } from "../network/names-files.ts";
import { hostDevices } from "../plan/devices.ts";
import { describeOutside, doBeforehand, doFromOutside } from "../plan/from-outside.ts";
import { readImageFile } from "../plan/image-file.ts";
import { namespacesOf, ociConfig } from "../plan/oci-config.ts";
import { seccompFilter } from "../plan/seccomp.ts";
import { recordStep, releaseStep, stepDirectory } from "../settle/step-record.ts";
import { stepContainer } from "./step-container.ts";
import { stepMounts, stubDirectory } from "./step-mounts.ts";

const NO_KEYS = new Uint8Array();
const QUIET_MS = 100;

/** Somebody who sits at a step with streams of their own, instead of hearing what it says. */
export interface StepSession {
	readonly tty: boolean;
	readonly attachment: Attachment;
	readonly terminalSize: { readonly rows: number; readonly columns: number };
	/** Until the end; returns the exit code. */
	attend(client: MonitorClient): Promise<number>;
}

/** Runs it to its end; returns the exit code. Everything it took is given back, and `step.upper` holds what it wrote. */
export async function runStep(engine: Engine, step: RunStep, session?: StepSession): Promise<number> {
	step.signal.throwIfAborted();
	const claimed = claim(engine, step, session !== undefined, session?.tty ?? false);
	try {
		const started = start(engine, step, claimed, session);
		step.onStarted?.();
		return await (session ? sitAt(started.client, session) : listen(started, step));
	} finally {
		releaseStep(engine, claimed.id);
	}
}

function claim(engine: Engine, step: RunStep, interactive: boolean, tty: boolean): Container {
	const container = stepContainer(newId(), step, interactive, tty);
	const cgroup = engine.cgroups ? cgroupPath(step.cgroupParent, `build-${container.id}`) : "";
	return engine.transaction(() => {
		recordStep(engine, container.id, cgroup);
		return { ...container, state: { ...container.state, cgroup, endpoints: leaseEndpoints(engine, container) } };
	});
}

interface Started {
	readonly client: MonitorClient;
	/** Where its output is read, if nobody sits at it. */
	readonly outputs: readonly { readonly fd: number; readonly stream: "stdout" | "stderr" }[];
}

function start(engine: Engine, step: RunStep, container: Container, session?: StepSession): Started {
	mkdirSync(stepDirectory(engine, container.id), { recursive: true, mode: 0o700 });
	const membership = engine.cgroups?.create(container.state.cgroup, container.config.host.resources);
	const launchWith = (attachment: Attachment) =>
		launch(engine, step, container, membership, attachment, session?.terminalSize);
	if (session) return { client: launchWith(session.attachment), outputs: [] };
	const stdout = pipe();
	const stderr = pipe();
	try {
		const client = launchWith({ stdout: stdout.write, stderr: stderr.write, detachKeys: NO_KEYS, lease: false });
		return {
			client,
			outputs: [
				{ fd: stdout.read, stream: "stdout" },
				{ fd: stderr.read, stream: "stderr" },
			],
		};
	} catch (error) {
		close(stdout.read);
		close(stderr.read);
		throw error;
	} finally {
		close(stdout.write);
		close(stderr.write);
	}
}

/** The process first, so that the kernel makes its namespaces while its plan is compiled; it waits for that. */
function launch(
	engine: Engine,
	step: RunStep,
	container: Container,
	membership: Membership | undefined,
	attachment: Attachment,
	terminalSize = { rows: 0, columns: 0 },
): MonitorClient {
	const { cgroups } = engine;
	const { host } = container.config;
	const monitor = monitorOf(container);
	using cgroup = membership?.directory === undefined ? undefined : openDir(membership.directory);
	using launching = new Launch({
		header: {
			cloneFlags: cloneFlags(namespacesOf(host)),
			cgroupFd: cgroup ? FIRST_PLAN_FD : -1,
			pidNamespaceFd: -1,
		},
		monitor,
		fds: cgroup ? [cgroup.number] : [],
		attachment,
	});
	if (!host.privileged && !cgroups) {
		throw new EngineError("unsupported", "No cgroup file system is mounted, so RUN cannot be restricted");
	}
	doBeforehand(engine, container);
	writeNamesFiles(container, containerPaths(stepDirectory(engine, container.id)));
	const plan = planOf(engine, step, container, {
		monitor,
		cgroupJoins: membership?.procs ?? [],
		shared: [],
		terminalSize,
	});
	return launching.run(plan, (pid) => doFromOutside(engine, container, pid)).client;
}

const monitorOf = ({ id, config }: Container): Operation =>
	monitorOperation({
		id,
		liveDir: "",
		log: "",
		exit: "",
		reaper: [],
		terminal: config.tty,
		stdin: config.openStdin,
		stdinOnce: config.stdinOnce,
		tied: true,
		quietMs: QUIET_MS,
	});

async function listen({ client, outputs }: Started, step: RunStep): Promise<number> {
	using _client = client;
	const stop = () => client[Symbol.dispose](); // the monitor is tied to us: it kills and ends
	step.signal.addEventListener("abort", stop, { once: true });
	await Promise.all(outputs.map(({ fd, stream }) => forward(fd, stream, step)));
	step.signal.removeEventListener("abort", stop);
	step.signal.throwIfAborted();
	const end = client.nextBlocking(); // both streams have ended: the monitor has said it, and is gone
	if (end.type === "exited") return exitCodeOf(end.a);
	throw new EngineError("failed", "the monitor of the step was killed");
}

async function sitAt(client: MonitorClient, session: StepSession): Promise<number> {
	using _client = client;
	return await session.attend(client);
}

async function forward(fd: number, stream: "stdout" | "stderr", step: RunStep): Promise<void> {
	try {
		for await (const chunk of Bun.file(fd).stream()) step.onOutput(stream, chunk);
	} finally {
		close(fd);
	}
}

function planOf(
	engine: Engine,
	step: RunStep,
	container: Container,
	process: Pick<PlanInputs, "monitor" | "cgroupJoins" | "shared" | "terminalSize">,
): readonly Operation[] {
	const { host } = container.config;
	const { paths, cgroups } = engine;
	const dir = stepDirectory(engine, container.id);
	const capabilities = containerCapabilities(
		{ privileged: host.privileged, add: [], drop: [] },
		availableCapabilities(),
	);
	const user = resolveUser(
		step.user,
		readImageFile(step.directories, "etc/passwd"),
		step.user ? readImageFile(step.directories, "etc/group") : "",
		[],
	);
	const oci = ociConfig(container, {
		user,
		capabilities,
		seccomp: seccompFilter(host, capabilities, paths.run),
		files: containerPaths(dir),
		cgroupMounts: cgroups?.mounts(container.state.cgroup, !host.privileged, "own") ?? [],
		volumePath: paths.volume,
		isReadonlyVolume: () => false,
		devices: hostDevices(host),
		isFile: () => false,
		idMap: () => "",
	});
	const home = step.env.some((line) => line.startsWith("HOME=")) ? [] : [`HOME=${user.home}`];
	return compilePlan(
		{
			...oci,
			process: { ...oci.process, env: [...step.env, ...home, ...(container.config.tty ? ["TERM=xterm"] : [])] },
		},
		{
			...process,
			// What the step mounts things on lies in a layer below all others, so that it leaves no trace in the new one.
			layers: [...step.directories, stubDirectory(dir, step.mounts), paths.baseLayer],
			upper: step.upper,
			work: step.work,
			mountpoint: paths.rootfs,
			plainOverlay: true,
			overlayLayersOneByOne: overlayLayersOneByOne(),
			network: container.state.endpoints.length ? insideOf(container.state.endpoints) : undefined,
			meanwhile: describeOutside(engine, host, container.state.endpoints.length > 0),
			initProcess: false,
			furtherMounts: stepMounts(step.mounts, paths.scratch),
		},
	);
}
