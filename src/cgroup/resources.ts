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
	/** 10…1000; the kernel's default is as 500 (v1) or 100 of 10000 (v2). */
	readonly blkioWeight?: number | undefined;
	readonly io?: readonly IoLimit[] | undefined;
}

/** What the kernel calls them: v2's keys of io.max. */
export const IO_LIMITS = ["rbps", "wbps", "riops", "wiops"] as const;

/** So many bytes or operations a second, for reading from or writing to a block device. */
export interface IoLimit {
	readonly major: number;
	readonly minor: number;
	readonly limit: (typeof IO_LIMITS)[number];
	readonly rate: number;
}

/** A file of a controller and what is written to it. */
export interface Setting {
	readonly controller: string;
	readonly file: string;
	readonly value: string;
	/** The flag that asked for it, for messages. */
	readonly flag: string;
	/** A kernel that lacks the file has nothing there to limit. */
	readonly optional?: boolean;
}

/** Shares of a disk are an I/O scheduler's work, or that of io.cost: a kernel may have either, both, or none. */
export const WEIGHT_FILES = { 1: ["blkio.weight", "blkio.bfq.weight"], 2: ["io.weight", "io.bfq.weight"] } as const;

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
	const set = (controller: string, file: string, value: string | number, flag: string, optional = false) =>
		settings.push({ controller, file: `${controller}.${file}`, value: String(value), flag, optional });
	if (r.memory) set("memory", "max", r.memory, "--memory");
	const total = memoryAndSwap(r);
	if (total) set("memory", "swap.max", total === -1 ? "max" : total - (r.memory ?? 0), "--memory-swap", true);
	if (r.memoryReservation) set("memory", "low", r.memoryReservation, "--memory-reservation");
	const cpu = bandwidth(r);
	if (cpu)
		set("cpu", "max", `${cpu.quota > 0 ? cpu.quota : "max"} ${cpu.period}`, r.nanoCpus ? "--cpus" : "--cpu-quota");
	if (r.cpuShares) set("cpu", "weight", cpuWeight(r.cpuShares), "--cpu-shares");
	if (r.cpusetCpus) set("cpuset", "cpus", r.cpusetCpus, "--cpuset-cpus");
	if (r.cpusetMems) set("cpuset", "mems", r.cpusetMems, "--cpuset-mems");
	if (r.pidsLimit) set("pids", "max", r.pidsLimit > 0 ? r.pidsLimit : "max", "--pids-limit");
	if (r.blkioWeight) {
		set("io", "weight", ioWeight(r.blkioWeight), "--blkio-weight", true);
		set("io", "bfq.weight", r.blkioWeight, "--blkio-weight", true);
	}
	for (const { major, minor, limit, rate } of r.io ?? []) {
		set("io", "max", `${major}:${minor} ${limit}=${rate}`, IO_FLAGS[limit]);
	}
	return settings;
}

const IO_FLAGS: Readonly<Record<IoLimit["limit"], string>> = {
	rbps: "--device-read-bps",
	wbps: "--device-write-bps",
	riops: "--device-read-iops",
	wiops: "--device-write-iops",
};

/** blkio.weight of v1 (10…1000) as io.weight of v2 (1…10000): a straight line, as runc draws it. */
const ioWeight = (weight: number): number => 1 + Math.trunc(((weight - 10) * 9999) / 990);

const IO_FILES_V1: Readonly<Record<IoLimit["limit"], string>> = {
	rbps: "throttle.read_bps_device",
	wbps: "throttle.write_bps_device",
	riops: "throttle.read_iops_device",
	wiops: "throttle.write_iops_device",
};

/** Files of the v1 controllers (Documentation/admin-guide/cgroup-v1/). The order matters: memory before memsw. */
export function settingsV1(r: Resources): Setting[] {
	const settings: Setting[] = [];
	const set = (controller: string, file: string, value: string | number, flag: string, optional = false) =>
		settings.push({ controller, file: `${controller}.${file}`, value: String(value), flag, optional });
	if (r.memory) set("memory", "limit_in_bytes", r.memory, "--memory");
	const total = memoryAndSwap(r);
	if (total) set("memory", "memsw.limit_in_bytes", total, "--memory-swap", true);
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
	if (r.blkioWeight) {
		for (const file of ["weight", "bfq.weight"]) set("blkio", file, r.blkioWeight, "--blkio-weight", true);
	}
	for (const { major, minor, limit, rate } of r.io ?? []) {
		set("blkio", IO_FILES_V1[limit], `${major}:${minor} ${rate}`, IO_FLAGS[limit]);
	}
	return settings;
}
