/** Limits that make no sense are errors; limits this kernel cannot set are warnings. docker's words. Pure. */

import type { CgroupDriver } from "../../cgroup/driver.ts";
import { EngineError } from "../../errors.ts";
import type { HostConfig } from "../../store/container-record.ts";
import { readdirSync } from "../../sys/fs.ts";
import { nodeOs } from "../../sys/node.ts";

type Resources = HostConfig["resources"];
const MIN_MEMORY = 6 * 1024 * 1024;

const invalid = (message: string): EngineError => new EngineError("invalid", message);

export function checkResources(
	asked: Resources,
	cgroups: CgroupDriver | undefined,
): { resources: Resources; warnings: string[] } {
	checkValues(asked);
	const resources: Resources = { ...asked };
	const warnings: string[] = [];
	const drop = (keys: readonly (keyof Resources)[], what: string, lost = "Limitation"): void => {
		if (!keys.some((key) => resources[key])) return;
		for (const key of keys) delete resources[key];
		warnings.push(`Your kernel does not support ${what}. ${lost} discarded.`);
	};
	const has = (controller: string): boolean => cgroups?.controllers.has(controller) ?? false;
	if (!has("memory"))
		drop(["memory", "memorySwap", "memoryReservation"], "memory limit capabilities or the cgroup is not mounted");
	if (!has("cpu")) drop(["nanoCpus", "cpuQuota", "cpuPeriod", "cpuShares"], "CPU limits or the cgroup is not mounted");
	if (!has("cpuset")) drop(["cpusetCpus", "cpusetMems"], "cpuset or the cgroup is not mounted");
	if (!has("pids")) drop(["pidsLimit"], "pids limit capabilities or the cgroup is not mounted");
	const io = cgroups?.version === 1 ? "blkio" : "io";
	if (!has(io)) drop(["blkioWeight", "deviceIo"], "Block I/O limits or the cgroup is not mounted");
	if (resources.blkioWeight && !cgroups?.hasIoWeight())
		drop(["blkioWeight"], "Block I/O weight or the cgroup is not mounted", "Weight");
	if (cgroups?.version !== 1) drop(["oomKillDisable"], "OomKillDisable");
	return { resources, warnings };
}

function checkValues(r: Resources): void {
	if (r.memory && r.memory < MIN_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
	if (r.memorySwap && r.memorySwap > 0 && !r.memory) {
		throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
	}
	if (r.memory && r.memorySwap && r.memorySwap !== -1 && r.memorySwap < r.memory) {
		throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
	}
	if (r.memoryReservation && r.memoryReservation < MIN_MEMORY) {
		throw invalid("Minimum memory reservation allowed is 6MB");
	}
	if (r.cpuShares !== undefined && r.cpuShares < 0) throw invalid("shares: invalid argument");
	if (r.cpuShares === 1) throw invalid("The minimum allowed cpu-shares is 2");
	if (r.cpuShares && r.cpuShares > 262144) throw invalid("The maximum allowed cpu-shares is 262144");
	if (r.memoryReservation && r.memory && r.memoryReservation > r.memory) {
		throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
	}
	if (r.nanoCpus && (r.cpuQuota || r.cpuPeriod)) {
		throw invalid(`Conflicting options: Nano CPUs and CPU ${r.cpuPeriod ? "Period" : "Quota"} cannot both be set`);
	}
	if (r.blkioWeight && (r.blkioWeight < 10 || r.blkioWeight > 1000)) {
		throw invalid("Range of blkio weight is from 10 to 1000");
	}
	// Asked only when it matters: node:os takes its time.
	const cpus = r.nanoCpus || r.cpusetCpus ? nodeOs().availableParallelism() : 0;
	if (r.nanoCpus && (r.nanoCpus < 1e7 || r.nanoCpus > cpus * 1e9)) {
		throw invalid(`Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
	}
	if (r.cpuPeriod && (r.cpuPeriod < 1000 || r.cpuPeriod > 1_000_000)) {
		throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
	}
	if (r.cpuQuota && r.cpuQuota > 0 && r.cpuQuota < 1000)
		throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (r.cpusetCpus) checkCpuset("CPUs", r.cpusetCpus, cpus);
	if (r.cpusetMems) checkCpuset("memory nodes", r.cpusetMems, memoryNodes());
}

/** NUMA nodes of this machine; those without NUMA have one. */
function memoryNodes(): number {
	try {
		return readdirSync("/sys/devices/system/node").filter((name) => /^node\d+$/.test(name)).length || 1;
	} catch {
		return 1;
	}
}

/** "0-2,4" */
function checkCpuset(what: string, text: string, available: number): void {
	const ranges = text.split(",").map((part) => /^(\d+)(?:-(\d+))?$/.exec(part));
	const bad = ranges.findIndex((range) => !range || (range[2] !== undefined && Number(range[2]) < Number(range[1])));
	if (bad >= 0) {
		const part = text.split(",")[bad];
		throw invalid(`Invalid value ${text} for cpuset ${what === "CPUs" ? "cpus" : "mems"}: invalid format: ${part}`);
	}
	const highest = Math.max(...text.split(/[,-]/).map(Number));
	if (highest >= available) {
		throw invalid(
			`Requested ${what} are not available - requested ${text}, available: ${available === 1 ? "0" : `0-${available - 1}`}`,
		);
	}
}
