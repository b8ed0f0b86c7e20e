/**
 * cgroup v1 and hybrid hosts: a tree for each controller. A container has a cgroup of its own in every one of them, as
 * docker has it: programs read their limits there (memory.limit_in_bytes), and what is in the root of a tree counts to
 * the host. Joining is done by the one thread of init, through `tasks`: to move whole processes (cgroup.procs) the kernel
 * first waits until no process is between fork and exit (cgroup_procs_write_start() in kernel/cgroup/cgroup.c). On hybrid
 * hosts it is also born in the v2 tree, which counts its processes.
 */

import { EngineError } from "../errors.ts";
import { existsSync } from "../sys/fs.ts";
import { restrictByController, restrictByProgram } from "./devices.ts";
import { hasControl, makeDirectory, readControl, readProcesses, removeDirectory, writeControl } from "./directory.ts";
import type { CgroupDriver, CgroupMount, CgroupPath, Hierarchies, Membership, Tree } from "./driver.ts";
import { freezeV1, freezeV2 } from "./freezer.ts";
import { type Resources, type Setting, settingsV1, WEIGHT_FILES } from "./resources.ts";
import { usageV1 } from "./usage.ts";

export function cgroupV1({ unified, v1: trees }: Hierarchies): CgroupDriver {
	const rootOf = (controller: string): string | undefined =>
		trees.find(({ names }) => names.includes(controller))?.root;
	const membership = (path: CgroupPath): Membership => ({
		directory: unified && `${unified}/${path}`,
		procs: trees.filter(({ root }) => existsSync(`${root}/${path}`)).map(({ root }) => `${root}/${path}/tasks`),
	});
	return {
		version: 1,
		restrictsInSteps: !unified,
		controllers: new Set(trees.flatMap(({ names }) => names)),
		hasIoWeight: () => WEIGHT_FILES[1].some((file) => hasControl(rootOf("blkio") ?? "", file)),
		create(path, resources: Resources) {
			try {
				if (unified) makeDirectory(`${unified}/${path}`);
				for (const tree of trees) join(tree, path);
				for (const setting of settingsV1(resources)) apply(rootOf(setting.controller), path, setting);
			} catch (error) {
				tryRemove(() => this.remove(path));
				throw error;
			}
			return membership(path);
		},
		update(path, resources: Resources) {
			// memory and memsw bound each other: the one that cannot go first goes second.
			const late = settingsV1(resources).filter((setting) => {
				try {
					apply(rootOf(setting.controller), path, setting);
					return false;
				} catch (error) {
					if (setting.controller !== "memory") throw error;
					return true;
				}
			});
			for (const setting of late) apply(rootOf(setting.controller), path, setting);
		},
		restrictDevices(path, rules) {
			const devices = rootOf("devices");
			if (unified) restrictByProgram(`${unified}/${path}`, rules);
			else if (devices) restrictByController(`${devices}/${path}`, rules);
			else
				throw new EngineError(
					"unsupported",
					"This host has no cgroup that restricts devices: only --privileged containers can be started",
				);
		},
		join: membership,
		mounts(path, readonly, namespace) {
			const flags = ["nosuid", "noexec", "nodev"];
			const mode = readonly ? "ro" : "rw";
			return [
				{ destination: "/sys/fs/cgroup", type: "tmpfs", options: [...flags, "mode=755"] },
				...trees
					.filter(({ root }) => namespace === "own" || existsSync(`${root}/${path}`))
					.flatMap((tree) => mountsOf(tree, path, [...flags, mode], namespace)),
				...(unified ? [unifiedMount(unified, path, [...flags, mode], namespace)] : []),
				{ destination: "/sys/fs/cgroup", type: "remount", options: [...flags, mode] },
			];
		},
		oomKilled(path) {
			const memory = rootOf("memory");
			return memory !== undefined && /^oom_kill [1-9]/m.test(readControl(`${memory}/${path}/memory.oom_control`));
		},
		freeze(path, frozen) {
			const freezer = rootOf("freezer");
			if (unified) freezeV2(`${unified}/${path}`, frozen);
			else freezeV1(freezer && `${freezer}/${path}`, frozen);
		},
		usage: (path) =>
			usageV1((controller) => {
				const root = rootOf(controller);
				return root && `${root}/${path}`;
			}),
		processes(path) {
			const [root] = unified ? [unified] : trees.map((tree) => tree.root).filter((one) => existsSync(`${one}/${path}`));
			return root ? readProcesses(`${root}/${path}`) : [];
		},
		remove(path) {
			if (!unified) thaw(rootOf("freezer"), path);
			// The v2 tree first: its cgroup.kill ends at once what would be waited for in each of the others.
			const roots = [...(unified ? [unified] : []), ...trees.map(({ root }) => root)];
			const failed = roots.flatMap((root) => tryRemove(() => removeDirectory(`${root}/${path}`)));
			if (failed.length) throw failed[0];
		},
	};
}

/** Who is frozen cannot be killed there. */
function thaw(freezer: string | undefined, path: CgroupPath): void {
	if (freezer && existsSync(`${freezer}/${path}/freezer.state`)) freezeV1(`${freezer}/${path}`, false);
}

/** What it throws, for who has others to remove first. */
function tryRemove(remove: () => void): unknown[] {
	try {
		remove();
		return [];
	} catch (error) {
		return [error];
	}
}

/** A tree that may not be written (of a host that is a container itself) is left alone, unless a limit needs it. */
function join({ root, names }: Tree, path: CgroupPath): void {
	try {
		makeDirectory(`${root}/${path}`);
	} catch (error) {
		if (!/^(EROFS|EACCES|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? "")) throw error;
		return;
	}
	if (names.includes("cpuset")) inheritCpuset(root, path);
}

/** At the names that programs look for: "cpu,cpuacct", and each controller by itself; "systemd". */
function mountsOf(
	{ root, names }: Tree,
	path: CgroupPath,
	options: readonly string[],
	namespace: "own" | "host",
): CgroupMount[] {
	const joined = names.join(",");
	const places = names.length > 1 ? [joined, ...names] : [joined.replace(/^name=/, "")];
	const what = names.every((name) => name.startsWith("name=")) ? ["none", ...names] : names;
	return places.map((place) => {
		const destination = `/sys/fs/cgroup/${place}`;
		return namespace === "host"
			? { destination, type: "bind", source: `${root}/${path}`, options }
			: { destination, type: "cgroup", options: [...options, ...what] };
	});
}

function unifiedMount(
	root: string,
	path: CgroupPath,
	options: readonly string[],
	namespace: "own" | "host",
): CgroupMount {
	const destination = "/sys/fs/cgroup/unified";
	return namespace === "host"
		? { destination, type: "bind", source: `${root}/${path}`, options }
		: { destination, type: "cgroup2", options };
}

function apply(root: string | undefined, path: CgroupPath, setting: Setting): void {
	if (!root) return; // the engine has warned that this kernel lacks the controller
	const dir = `${root}/${path}`;
	makeDirectory(dir);
	try {
		writeControl(`${dir}/${setting.file}`, setting.value);
	} catch (error) {
		if (setting.optional && (error as NodeJS.ErrnoException).code === "ENOENT") return;
		throw new EngineError("failed", `Cannot set ${setting.file} for ${setting.flag}: ${(error as Error).message}`);
	}
}

/** A new cpuset is empty, and a process cannot join it: each level takes over what the one above has. */
function inheritCpuset(root: string, path: CgroupPath): void {
	let dir = root;
	for (const part of path.split("/")) {
		const above = dir;
		dir = `${dir}/${part}`;
		for (const file of ["cpuset.cpus", "cpuset.mems"]) {
			if (!readControl(`${dir}/${file}`)) writeControl(`${dir}/${file}`, readControl(`${above}/${file}`));
		}
	}
}
