/**
 * Control groups (cgroups(7)): one interface, two drivers. v2 is one tree with all controllers; v1 is one tree for each
 * controller. Hybrid hosts have v1 controllers and an empty v2 tree, which still counts processes.
 */
import { readFileSync } from "../sys/fs.ts";
import { fileSystemType } from "../sys/stat.ts";
import type { DeviceRule } from "./device-bpf.ts";
import type { Resources } from "./resources.ts";
import type { Usage } from "./usage.ts";

export interface CgroupDriver {
	readonly version: 1 | 2;
	/** Controllers that limits can use here. */
	readonly controllers: ReadonlySet<string>;
	/** Whether this kernel can give shares of a disk. */
	hasIoWeight(): boolean;
	/** Makes the container's cgroup with its limits. Undone by remove(). */
	create(path: CgroupPath, resources: Resources): Membership;
	/** Gives a cgroup that is there other limits. Throws EngineError for what the kernel refuses. */
	update(path: CgroupPath, resources: Resources): void;
	/** Its rules for devices are set one by one: all of them before anything in the cgroup makes or opens one. */
	readonly restrictsInSteps: boolean;
	/** Lets the container open only these devices. Throws EngineError where the kernel cannot. */
	restrictDevices(path: CgroupPath, rules: readonly DeviceRule[]): void;
	/** How a further process joins (exec). */
	join(path: CgroupPath): Membership;
	/**
	 * What the container sees at /sys/fs/cgroup, after create(): mounted in its own cgroup namespace, whose root its cgroup
	 * is; or, in the host's (--cgroupns host), the same directories of the host. Type "remount" changes the flags of one before.
	 */
	mounts(path: CgroupPath, readonly: boolean, namespace: "own" | "host"): CgroupMount[];
	/** Whether the kernel has killed for memory in it. */
	oomKilled(path: CgroupPath): boolean;
	/** Stops all processes in it, or lets them go on; returns when they have stopped. Throws EngineError where the kernel cannot. */
	freeze(path: CgroupPath, frozen: boolean): void;
	/** What it has used so far; zeros where nobody counts. */
	usage(path: CgroupPath): Usage;
	/** Pids of the processes in it and in the cgroups that the container has made below. */
	processes(path: CgroupPath): number[];
	/** Kills every process in it and removes it; repeatable. The kernel needs a moment to let the last process go, which is waited for. */
	remove(path: CgroupPath): void;
}

export interface CgroupMount {
	readonly destination: string;
	readonly type: string;
	readonly options: readonly string[];
	/** For "bind": a directory of the host. */
	readonly source?: string;
}

/** Relative to the root of a hierarchy: "nanocontainer/<id>". */
export type CgroupPath = string;

export interface Membership {
	/** The v2 directory that the process is born in (clone3(2), CLONE_INTO_CGROUP); undefined: by `procs` only. */
	readonly directory: string | undefined;
	/** Files to write "0" to: `tasks`, which moves one thread and so stops no fork of the host meanwhile (cgroups(7)). */
	readonly procs: readonly string[];
}

export interface Hierarchies {
	/** Mount point of the v2 tree. */
	readonly unified: string | undefined;
	readonly v1: readonly Tree[];
}

/** A tree of v1: one controller's, that of several, or a named one without any (systemd's). */
export interface Tree {
	readonly root: string;
	/** "cpu", "cpuacct"; "name=systemd" */
	readonly names: readonly string[];
}

/** Options of a mounted tree that say nothing of what is in it (cgroup-v1/cgroups.rst). */
const NOT_NAMES =
	/^(rw|ro|none|xattr|noprefix|clone_children|cpuset_v2_mode|favordynmods|nofavordynmods|release_agent=.*|seclabel)$/;

const STANDARD_PLACE = "/sys/fs/cgroup";
/** statfs(2) */
const CGROUP2_SUPER_MAGIC = 0x63677270;

/** Finds the mounted hierarchies: one tree at the usual place, or what the list of mounts says. */
export function hierarchies(): Hierarchies {
	if (fileSystemType(STANDARD_PLACE) === CGROUP2_SUPER_MAGIC) return { unified: STANDARD_PLACE, v1: [] };
	return hierarchiesIn(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** The same out of proc(5)'s mountinfo. */
export function hierarchiesIn(mountinfo: string): Hierarchies {
	let unified: string | undefined;
	const v1: Tree[] = [];
	for (const line of mountinfo.split("\n")) {
		if (!line.includes(" - cgroup")) continue;
		const [mount = "", fs = ""] = line.split(" - ");
		const point = mount.split(" ")[4];
		const [type, , superOptions = ""] = fs.split(" ");
		if (!point) continue;
		if (type === "cgroup2") unified ??= point;
		if (type === "cgroup") {
			const names: string[] = [];
			for (const word of superOptions.split(",")) if (!NOT_NAMES.test(word)) names.push(word);
			if (!v1.some((tree) => tree.names.join() === names.join())) v1.push({ root: point, names });
		}
	}
	return { unified, v1 };
}
