/**
 * The plan of `exec`: a new process joins a container that runs. The pid namespace is joined by the monitor before it
 * clones, because setns(2) changes only where children are born; the others are joined by the process itself.
 */
import { CLONE_FLAGS, type ProcessConfig } from "./config.ts";
import { type DirectoryId, type Operation, op } from "./operations.ts";
import { identity, program } from "./plan-identity.ts";
import { RLIMITS } from "./rlimits.ts";

export interface ExecInputs {
	readonly monitor: Operation;
	/** The container's first process, as a descriptor number in the monitor (pidfd_open(2), setns(2) of Linux 5.8). */
	readonly pidfd: number;
	/** Its pid, as this process sees it. */
	readonly pid: number;
	/** The container's root directory. */
	readonly root: DirectoryId;
	/** `tasks` of cgroups (v1). */
	readonly cgroupJoins: readonly string[];
	readonly terminalSize: { readonly rows: number; readonly columns: number };
	readonly seccomp: Uint8Array | undefined;
}

export function compileExecPlan(process: ProcessConfig, inputs: ExecInputs): Operation[] {
	const plan: Operation[] = [inputs.monitor];
	for (const file of inputs.cgroupJoins) plan.push(op.write(file, "0", "join the cgroup: 0 means the writer"));
	plan.push(op.write("/proc/self/oom_score_adj", String(process.oomScoreAdj), "as the container's first process"));
	const { mount, uts, ipc, network, cgroup } = CLONE_FLAGS;
	plan.push(op.setns(inputs.pidfd, mount | uts | ipc | network | cgroup, inputs.root, `/proc/${inputs.pid}/root`));
	if (process.terminal) plan.push(op.pty(inputs.terminalSize.rows, inputs.terminalSize.columns));
	plan.push(op.setsid(), op.stdio(process.user.uid, process.user.gid));
	for (const { type, soft, hard } of process.rlimits) plan.push(op.setrlimit(RLIMITS[type] ?? -1, soft, hard));
	return [...plan, ...identity(process, inputs.seccomp), ...program(process)];
}
