/**
 * The part of the plan that builds the root file system: overlay, mounts, devices, masks. Every target is a path of
 * the image, which is hostile; init resolves each beneath the root (native/ops_mount.c).
 */
import { MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_REC } from "../sys/mount.ts";
import type { Device, Mount, RuntimeConfig } from "./config.ts";
import { bindOptions, mountOptions } from "./mounts.ts";
import { type Operation, op } from "./operations.ts";

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

/** Where the parts of the root file system are. */
export interface RootfsInputs {
	/** Layer directories, top first, and the container's own. */
	readonly layers: readonly string[];
	readonly upper: string;
	readonly work: string;
	/** An empty directory of the host to mount the root file system on, in the new mount namespace. */
	readonly mountpoint: string;
	/** overlay takes layers one by one (Linux 6.5), not only as one string. */
	readonly overlayLayersOneByOne: boolean;
	/** The container's own layer is to become a layer of an image: overlay must not refer to those below from it. */
	readonly plainOverlay?: boolean;
	/** Mounts that the OCI configuration has no words for: those of build steps. */
	readonly terminalSize: { readonly rows: number; readonly columns: number };
	readonly furtherMounts?: readonly Operation[];
}

export function rootfs(config: RuntimeConfig, inputs: RootfsInputs): Operation[] {
	const own = inputs.plainOverlay ? ["redirect_dir=off", "metacopy=off", "index=off"] : [];
	const plan: Operation[] = [
		...takenTrees(config.mounts),
		// Before anything is mounted: with shared propagation, systemd's default, the host would see it all.
		op.propagation(MS_REC | MS_PRIVATE),
		inputs.overlayLayersOneByOne
			? op.overlay(inputs.mountpoint, inputs.upper, inputs.work, inputs.layers, own)
			: op.overlayOptions(inputs.mountpoint, inputs.upper, inputs.work, inputs.layers, own),
		op.root(inputs.mountpoint),
	];
	let trees = 0;
	for (const mount of config.mounts) {
		plan.push(...mountOne(mount, isTaken(mount) ? trees++ : -1));
		if (mount.destination === "/dev" && mount.type === "tmpfs") plan.push(...devices(config.linux.devices));
	}
	plan.push(...(inputs.furtherMounts ?? []));
	if (config.process.terminal) {
		plan.push(op.pty(inputs.terminalSize.rows, inputs.terminalSize.columns));
		plan.push(op.touch("/dev/console", 0o600, "a file to mount the terminal on"), op.console("/dev/console"));
	}
	// Through the container's /proc, while it can still be written.
	for (const [name, value] of Object.entries(config.linux.sysctl)) plan.push(op.sysctl(name, value));
	plan.push(...config.linux.readonlyPaths.map(op.readonly));
	plan.push(...config.linux.maskedPaths.map(op.mask));
	// The working directory is made in the root as it will be, so before the root may turn read-only.
	plan.push(op.mkdir(config.process.cwd, 0o755, "the working directory"));
	if (config.root.readonly) plan.push(op.setattr("/", 0, MOUNT_ATTR_RDONLY, "--read-only"));
	return plan;
}

/** Mounts made later are to pass between it and the host, or its files belong to others here. */
function isTaken({ type, options, idMap }: Mount): boolean {
	return type === "bind" && (idMap !== undefined || bindOptions(options).propagation !== MS_PRIVATE);
}

function takenTrees(mounts: readonly Mount[]): Operation[] {
	const trees: Operation[] = [];
	for (const mount of mounts) {
		if (!isTaken(mount)) continue;
		trees.push(op.tree(trees.length, mount.source, bindOptions(mount.options).recursive, mount.root, mount.idMap));
	}
	return trees;
}

/** With the place that is made for it. `tree`: what has been taken for it before, or -1. */
export function mountOne(mount: Mount, tree: number): Operation[] {
	const { destination } = mount;
	if (mount.type === "remount") {
		return [
			op.setattr(destination, 0, mountOptions(mount.options).attributes, "complete: nothing more is mounted in it"),
		];
	}
	if (mount.type !== "bind") {
		const { attributes, data } = mountOptions(mount.options);
		if (mount.source !== mount.type) data.unshift(`source=${mount.source}`);
		return [
			op.mkdir(destination, 0o755, "a place to mount on"),
			op.mount(mount.type, destination, attributes, data, REASONS[destination] ?? "asked for", mount.asked ?? false),
		];
	}
	const place = mount.file
		? op.touch(destination, 0o755, "a file to mount on")
		: op.mkdir(destination, 0o755, "a place to mount on");
	const why = REASONS[destination] ?? "asked for";
	return [place, op.bind(mount.source, destination, bindOptions(mount.options), why, mount.root, tree)];
}

const REASONS: Readonly<Record<string, string>> = {
	"/proc": "processes of this pid namespace",
	"/dev": "an own /dev, in which image and host have no part",
	"/dev/pts": "own terminals: newinstance",
	"/sys": "devices of this network namespace; the kernel's state is not the container's to change",
	"/sys/fs/cgroup": "its own cgroup, as the root of the tree",
	"/dev/mqueue": "POSIX message queues of this IPC namespace",
	"/dev/shm": "POSIX shared memory",
	"/etc/resolv.conf": "name servers",
	"/etc/hostname": "the host name, as a file",
	"/etc/hosts": "names of this container",
};

const LINKS: readonly (readonly [target: string, path: string])[] = [
	["/proc/self/fd", "/dev/fd"],
	["/proc/self/fd/0", "/dev/stdin"],
	["/proc/self/fd/1", "/dev/stdout"],
	["/proc/self/fd/2", "/dev/stderr"],
	["pts/ptmx", "/dev/ptmx"],
];

function devices(list: readonly Device[]): Operation[] {
	const plan: Operation[] = [];
	for (const { path, type, fileMode, major, minor } of list) {
		const parent = path.slice(0, path.lastIndexOf("/"));
		if (parent !== "/dev") plan.push(op.mkdir(parent, 0o755, "a directory of devices"));
		plan.push(op.mknod(path, (type === "c" ? S_IFCHR : S_IFBLK) | fileMode, major, minor));
	}
	for (const [target, path] of LINKS) plan.push(op.symlink(target, path));
	return plan;
}
