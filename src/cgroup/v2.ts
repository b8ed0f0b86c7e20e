/** cgroup v2: one tree. A process is born in its cgroup, so nothing of it ever runs unlimited. */
import { EngineError } from "../errors.ts";
import { existsSync, readdirSync } from "../sys/fs.ts";
import { restrictByProgram } from "./devices.ts";
import { hasControl, makeDirectory, readControl, readProcesses, removeDirectory, writeControl } from "./directory.ts";
import type { CgroupDriver, CgroupPath, Membership } from "./driver.ts";
import { freezeV2 } from "./freezer.ts";
import { type Resources, type Setting, settingsV2, WEIGHT_FILES } from "./resources.ts";
import { usageV2 } from "./usage.ts";

export function cgroupV2(root: string): CgroupDriver {
	const controllers = new Set(readControl(`${root}/cgroup.controllers`).split(" ").filter(Boolean));
	/** Those that tell what a container uses (`stats`), whether it is limited or not. */
	const counted = ["memory", "pids", "io"].filter((name) => controllers.has(name));
	const dir = (path: CgroupPath): string => `${root}/${path}`;
	const settingsOf = (resources: Resources): Setting[] =>
		settingsV2(resources).filter((setting) => controllers.has(setting.controller));
	const membership = (path: CgroupPath): Membership => ({ directory: dir(path), procs: [] });
	return {
		version: 2,
		restrictsInSteps: false,
		controllers,
		hasIoWeight: () => controllers.has("io") && weighsIo(root),
		create(path, resources: Resources) {
			const settings = settingsOf(resources);
			enableControllers(root, path, new Set([...counted, ...settings.map((setting) => setting.controller)]));
			makeDirectory(dir(path));
			try {
				for (const setting of settings) apply(dir(path), setting);
			} catch (error) {
				removeDirectory(dir(path));
				throw error;
			}
			// The container dies as one when it has no memory left, rather than lose a process here and there:
			// that is not docker's way, so memory.oom.group stays 0.
			return membership(path);
		},
		update(path, resources: Resources) {
			const settings = settingsOf(resources);
			enableControllers(root, path, new Set(settings.map((setting) => setting.controller)));
			for (const setting of settings) apply(dir(path), setting);
		},
		restrictDevices: (path, rules) => restrictByProgram(dir(path), rules),
		join: membership,
		mounts: (_path, readonly, namespace) => {
			const options = ["nosuid", "noexec", "nodev", readonly ? "ro" : "rw"];
			const destination = "/sys/fs/cgroup";
			// Outside of a namespace of its own a container is shown the whole tree, as by docker.
			return namespace === "host"
				? [{ destination, type: "bind", source: root, options }]
				: [{ destination, type: "cgroup2", options }];
		},
		oomKilled: (path) => /^oom_kill [1-9]/m.test(readControl(`${dir(path)}/memory.events`)),
		freeze: (path, frozen) => freezeV2(dir(path), frozen),
		usage: (path) => usageV2(dir(path)),
		processes: (path) => readProcesses(dir(path)),
		remove: (path) => removeDirectory(dir(path)),
	};
}

function apply(directory: string, { file, value, flag, optional }: Setting): void {
	try {
		writeControl(`${directory}/${file}`, value);
	} catch (error) {
		if (optional && (error as NodeJS.ErrnoException).code === "ENOENT") return;
		throw new EngineError("failed", `Cannot set ${file} for ${flag}: ${(error as Error).message}`);
	}
}

/** Controllers reach a cgroup only if every one above it passes them on: cgroup.subtree_control, from the top down. */
function enableControllers(root: string, path: CgroupPath, wanted: ReadonlySet<string>): void {
	const parts = path.split("/");
	let dir = root;
	for (let depth = 0; depth < parts.length; depth++) {
		const enabled = new Set(readControl(`${dir}/cgroup.subtree_control`).split(" "));
		const missing = [...wanted].filter((controller) => !enabled.has(controller));
		if (missing.length) enable(dir, missing, depth === 0);
		dir = `${dir}/${parts[depth]}`;
		if (depth < parts.length - 1) makeDirectory(dir);
	}
}

/**
 * A cgroup that passes controllers on has no processes of its own (cgroup-v2.rst, "No Internal Process Constraint");
 * only the root of all may have both. Inside a container, whose root is some cgroup below that, the processes that are
 * there (this one too) first move into a leaf.
 */
function enable(dir: string, controllers: readonly string[], isRoot: boolean): void {
	const words = controllers.map((name) => `+${name}`).join(" ");
	const file = `${dir}/cgroup.subtree_control`;
	try {
		writeControl(file, words);
		return;
	} catch (error) {
		// Below the root they are somebody else's processes, which are not ours to move.
		if (!isRoot || (error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
	}
	makeDirectory(`${dir}/${LEAF}`);
	for (const pid of readControl(`${dir}/cgroup.procs`).split("\n").filter(Boolean)) {
		try {
			writeControl(`${dir}/${LEAF}/cgroup.procs`, pid);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended meanwhile
		}
	}
	writeControl(file, words);
}

/** Where the processes of a delegated cgroup go. */
const LEAF = "init";

/**
 * The weight's files are in no cgroup until `io` is passed on to it, and never in the root of all; but there io.cost has
 * its model (cgroup-v2.rst), and the other who weighs is the scheduler BFQ.
 */
const weighsIo = (root: string): boolean =>
	hasControl(root, "io.cost.qos") ||
	WEIGHT_FILES[2].some((file) => hasControl(root, file)) ||
	disks().some((disk) => readControl(`/sys/block/${disk}/queue/scheduler`).includes("bfq"));

const disks = (): string[] => (existsSync("/sys/block") ? readdirSync("/sys/block") : []);
