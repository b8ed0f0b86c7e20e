/**
 * cgroup v1 and hybrid hosts: a tree for each controller. A container gets a cgroup only in the trees that a limit of
 * its own needs: each join costs (the kernel waits for a grace period), and an unlimited cgroup limits nothing. On
 * hybrid hosts it is also born in the v2 tree, which counts its processes.
 */

import { EngineError } from "../errors.ts";
import { existsSync } from "../sys/fs.ts";
import { restrictByController, restrictByProgram } from "./devices.ts";
import { hasControl, makeDirectory, readControl, removeDirectory, writeControl } from "./directory.ts";
import type { CgroupDriver, CgroupPath, Hierarchies, Membership } from "./driver.ts";
import { type Resources, type Setting, settingsV1, WEIGHT_FILES } from "./resources.ts";

export function cgroupV1({ unified, v1 }: Hierarchies): CgroupDriver {
	// cpu and cpuacct may be one tree.
	const roots: string[] = [];
	for (const root of v1.values()) if (!roots.includes(root)) roots.push(root);
	/** The trees that hold a cgroup: known of one that was made here, looked for of others. */
	let made: { readonly path: CgroupPath; readonly roots: readonly string[] } | undefined;
	const rootsOf = (path: CgroupPath): readonly string[] =>
		made?.path === path ? made.roots : roots.filter((root) => existsSync(`${root}/${path}`));
	const membership = (path: CgroupPath): Membership => ({
		directory: unified && `${unified}/${path}`,
		procs: rootsOf(path).map((root) => `${root}/${path}/cgroup.procs`),
	});
	return {
		version: 1,
		restrictsInSteps: !unified,
		controllers: new Set(v1.keys()),
		hasIoWeight: () => WEIGHT_FILES[1].some((file) => hasControl(v1.get("blkio") ?? "", file)),
		create(path, resources: Resources) {
			if (unified) makeDirectory(`${unified}/${path}`);
			const used: string[] = [];
			const use = (root: string | undefined) => root && !used.includes(root) && used.push(root);
			try {
				// It must be in this one whatever its limits are: restrictDevices() works on it.
				const devices = unified ? undefined : v1.get("devices");
				if (devices) makeDirectory(`${devices}/${path}`);
				use(devices);
				for (const setting of settingsV1(resources)) {
					const root = v1.get(setting.controller);
					apply(root, path, setting);
					use(root);
				}
			} catch (error) {
				this.remove(path);
				throw error;
			}
			made = { path, roots: used };
			return membership(path);
		},
		restrictDevices(path, rules) {
			const devices = v1.get("devices");
			if (unified) restrictByProgram(`${unified}/${path}`, rules);
			else if (devices) restrictByController(`${devices}/${path}`, rules);
			else
				throw new EngineError(
					"unsupported",
					"This host has no cgroup that restricts devices: only --privileged containers can be started",
				);
		},
		join: membership,
		// Only trees in which it has a cgroup: in the others the root of its cgroup namespace is the host's.
		mounts(path, readonly) {
			const flags = ["nosuid", "noexec", "nodev"];
			const mode = readonly ? "ro" : "rw";
			const joined = rootsOf(path);
			const places: ReturnType<CgroupDriver["mounts"]> = [];
			for (const [controller, root] of v1) {
				if (!joined.includes(root)) continue;
				const destination = `/sys/fs/cgroup/${controller}`;
				places.push({ destination, type: "cgroup", options: [...flags, mode, controller] });
			}
			return [
				{ destination: "/sys/fs/cgroup", type: "tmpfs", options: [...flags, "mode=755"] },
				...places,
				...(unified ? [{ destination: "/sys/fs/cgroup/unified", type: "cgroup2", options: [...flags, mode] }] : []),
				{ destination: "/sys/fs/cgroup", type: "remount", options: [...flags, mode] },
			];
		},
		oomKilled(path) {
			const memory = v1.get("memory");
			return memory !== undefined && /^oom_kill [1-9]/m.test(readControl(`${memory}/${path}/memory.oom_control`));
		},
		remove(path) {
			for (const root of made?.path === path ? made.roots : roots) removeDirectory(`${root}/${path}`);
			made = undefined;
			if (unified) removeDirectory(`${unified}/${path}`);
		},
	};
}

function apply(root: string | undefined, path: CgroupPath, setting: Setting): void {
	if (!root) return; // the engine has warned that this kernel lacks the controller
	const dir = `${root}/${path}`;
	makeDirectory(dir);
	if (setting.controller === "cpuset") inheritCpuset(root, path);
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
