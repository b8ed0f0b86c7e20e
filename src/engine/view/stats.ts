/** `stats`: what containers use, measured twice. */

import type { Usage } from "../../cgroup/usage.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { readFileSync } from "../../sys/fs.ts";
import { nodeOs } from "../../sys/node.ts";
import type { Engine } from "../engine.ts";

export interface Sample extends Usage {
	readonly id: string;
	readonly name: string;
	readonly memoryLimit: number;
	readonly pids: number;
	/** Bytes received and sent by its network devices, without loopback; undefined: they are not its own. */
	readonly network: { readonly received: number; readonly sent: number } | undefined;
	/** When, in nanoseconds of some clock. */
	readonly at: number;
}

/** undefined: it does not run. */
export function sampleOf(engine: Engine, { id, name, config, state }: ListedContainer): Sample | undefined {
	if (state.status !== "running" || !state.init || !engine.cgroups || !state.cgroup) return undefined;
	const usage = engine.cgroups.usage(state.cgroup);
	const all = nodeOs().totalmem();
	const isOwn = config.host.networkMode !== "host" && config.host.networkMode !== "none";
	return {
		...usage,
		...{ id, name },
		memoryLimit: Math.min(usage.memoryLimit ?? all, all),
		pids: usage.pids ?? engine.cgroups.processes(state.cgroup).length,
		network: isOwn ? networkOf(state.init.pid) : undefined,
		at: Bun.nanoseconds(),
	};
}

/** proc(5), /proc/<pid>/net/dev. */
function networkOf(pid: number): Sample["network"] {
	try {
		let [received, sent] = [0, 0];
		for (const line of readFileSync(`/proc/${pid}/net/dev`, "latin1").split("\n").slice(2)) {
			const [name = "", ...fields] = line.trim().split(/[:\s]+/);
			if (name === "" || name === "lo") continue;
			received += Number(fields[0]);
			sent += Number(fields[8]);
		}
		return { received, sent };
	} catch {
		return undefined; // it has ended
	}
}

/** Of one processor: 200 are two that are busy. */
export const cpuPercent = (before: Sample, now: Sample): number =>
	Math.max(0, ((now.cpuNs - before.cpuNs) / Math.max(1, now.at - before.at)) * 100);
