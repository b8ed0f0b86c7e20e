/** docker's resource options → contents of cgroup files, for both versions. Pure. */

/** Bytes, CPUs, counts; undefined: not asked for. -1 means no limit where docker has that. */
export interface Resources {
	readonly memory?: number | undefined;
	/** Memory and swap together; -1: unlimited swap. */
	readonly memorySwap?: number | undefined;
	readonly memoryReservation?: number | undefined;
	readonly oomKillDisable?: boolean | undefined;
	/** Billionths of a CPU. */
	readonly nanoCpus?: number | undefined;
	readonly cpuShares?: number | undefined;
	/** Microseconds. */
	readonly cpuQuota?: number | undefined;
	readonly cpuPeriod?: number | undefined;
	readonly cpusetCpus?: string | undefined;
	readonly cpusetMems?: string | undefined;
	readonly pidsLimit?: number | undefined;
}

/** A file of a controller and what is written to it. */
export interface Setting {
	readonly controller: string;
	readonly file: string;
	readonly value: string;
	/** The flag that asked for it, for messages. */
	readonly flag: string;
}

const CPU_PERIOD = 100_000;

/** The CPU bandwidth asked for, as quota and period in microseconds. */
function bandwidth(r: Resources): { quota: number; period: number } | undefined {
	if (r.nanoCpus) return { quota: Math.round((r.nanoCpus / 1e9) * CPU_PERIOD), period: CPU_PERIOD };
	if (r.cpuQuota || r.cpuPeriod) return { quota: r.cpuQuota || -1, period: r.cpuPeriod || CPU_PERIOD };
	return undefined;
}

/** Memory and swap together. Unset, swap is as large as memory. */
function memoryAndSwap(r: Resources): number | undefined {
	if (r.memorySwap) return r.memorySwap;
	return r.memory ? 2 * r.memory : undefined;
}

/**
 * cpu.shares of v1 (2…262144, default 1024) as cpu.weight of v2 (1…10000, default 100): an exponential curve through
 * those three points, which keeps the default the default.
 */
export function cpuWeight(shares: number): number {
	if (shares <= 2) return 1;
	if (shares >= 262144) return 10000;
	const l = Math.log2(shares);
	return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

/** Files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst). */
export function settingsV2(r: Resources): Setting[] {
	const settings: Setting[] = [];
	const set = (controller: string, file: string, value: string | number, flag: string) =>
		settings.push({ controller, file: `${controller}.${file}`, value: String(value), flag });
	if (r.memory) set("memory", "max", r.memory, "--memory");
	const total = memoryAndSwap(r);
	if (total) set("memory", "swap.max", total === -1 ? "max" : total - (r.memory ?? 0), "--memory-swap");
	if (r.memoryReservation) set("memory", "low", r.memoryReservation, "--memory-reservation");
	const cpu = bandwidth(r);
	if (cpu)
		set("cpu", "max", `${cpu.quota > 0 ? cpu.quota : "max"} ${cpu.period}`, r.nanoCpus ? "--cpus" : "--cpu-quota");
	if (r.cpuShares) set("cpu", "weight", cpuWeight(r.cpuShares), "--cpu-shares");
	if (r.cpusetCpus) set("cpuset", "cpus", r.cpusetCpus, "--cpuset-cpus");
	if (r.cpusetMems) set("cpuset", "mems", r.cpusetMems, "--cpuset-mems");
	if (r.pidsLimit) set("pids", "max", r.pidsLimit > 0 ? r.pidsLimit : "max", "--pids-limit");
	return settings;
}

/** Files of the v1 controllers (Documentation/admin-guide/cgroup-v1/). The order matters: memory before memsw. */
export function settingsV1(r: Resources): Setting[] {
	const settings: Setting[] = [];
	const set = (controller: string, file: string, value: string | number, flag: string) =>
		settings.push({ controller, file: `${controller}.${file}`, value: String(value), flag });
	if (r.memory) set("memory", "limit_in_bytes", r.memory, "--memory");
	const total = memoryAndSwap(r);
	if (total) set("memory", "memsw.limit_in_bytes", total, "--memory-swap");
	if (r.memoryReservation) set("memory", "soft_limit_in_bytes", r.memoryReservation, "--memory-reservation");
	if (r.oomKillDisable) set("memory", "oom_control", 1, "--oom-kill-disable");
	const cpu = bandwidth(r);
	if (cpu) {
		set("cpu", "cfs_period_us", cpu.period, "--cpu-period");
		set("cpu", "cfs_quota_us", cpu.quota, r.nanoCpus ? "--cpus" : "--cpu-quota");
	}
	if (r.cpuShares) set("cpu", "shares", Math.max(2, r.cpuShares), "--cpu-shares");
	if (r.cpusetCpus) set("cpuset", "cpus", r.cpusetCpus, "--cpuset-cpus");
	if (r.cpusetMems) set("cpuset", "mems", r.cpusetMems, "--cpuset-mems");
	if (r.pidsLimit) set("pids", "max", r.pidsLimit > 0 ? r.pidsLimit : "max", "--pids-limit");
	return settings;
}
