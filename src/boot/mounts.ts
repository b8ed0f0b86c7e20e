/** The kernel's file systems, where every Linux program looks for them. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { SyscallError } from "../sys/errno.ts";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RELATIME, mount, replaceRoot } from "../sys/mount.ts";

interface Wanted {
	readonly type: string;
	readonly target: string;
	readonly flags: number;
	readonly options: string;
	/** A machine without it works, but for what it is for. */
	readonly optional?: boolean;
}

const INERT = MS_NOSUID | MS_NODEV | MS_NOEXEC;
const WANTED: readonly Wanted[] = [
	{ type: "proc", target: "/proc", flags: INERT, options: "" },
	{ type: "sysfs", target: "/sys", flags: INERT, options: "" },
	{ type: "devtmpfs", target: "/dev", flags: MS_NOSUID, options: "mode=0755" },
	{ type: "devpts", target: "/dev/pts", flags: MS_NOSUID | MS_NOEXEC, options: "mode=0620,ptmxmode=0666,gid=5" },
	{ type: "tmpfs", target: "/dev/shm", flags: MS_NOSUID | MS_NODEV, options: "mode=1777" },
	{ type: "tmpfs", target: "/run", flags: MS_NOSUID | MS_NODEV, options: "mode=0755" },
	{ type: "cgroup2", target: "/sys/fs/cgroup", flags: INERT | MS_RELATIME, options: "nsdelegate" },
	{ type: "bpf", target: "/sys/fs/bpf", flags: INERT, options: "mode=0700", optional: true },
];

/** mountinfo (proc_pid_mountinfo(5)): mount points, and the types of what is mounted. */
function mounted(): { target: string; type: string }[] {
	return readFileSync("/proc/self/mountinfo", "utf8")
		.trim()
		.split("\n")
		.map((line) => {
			const fields = line.split(" ");
			return { target: fields[4] ?? "", type: fields[fields.indexOf("-") + 1] ?? "" };
		});
}

/**
 * Mounts what is not there yet. Returns a sentence for each that could not be. `first`: it is the first process, and
 * nobody has put anything there; on a machine that is up, a directory with something in it is in use as it is.
 */
export function mountFileSystems(first: boolean): string[] {
	const problems: string[] = [];
	const found = mounted();
	const isInUse = (directory: string) => existsSync(directory) && readdirSync(directory).length > 0;
	const isThere = ({ target, type }: Wanted) =>
		found.some((mount) => mount.target === target) ||
		(!first && type.endsWith("tmpfs") && isInUse(target)) ||
		// A hybrid or v1 host has its cgroups below, and is not to be covered.
		(type === "cgroup2" && found.some((mount) => mount.target.startsWith("/sys/fs/cgroup/")));
	for (const wanted of WANTED.filter((candidate) => !isThere(candidate))) {
		try {
			if (!existsSync(wanted.target)) mkdirSync(wanted.target, { recursive: true, mode: 0o755 });
			mount(wanted.type, wanted.target, wanted.type, wanted.flags, wanted.options);
		} catch (error) {
			if (!wanted.optional) problems.push(`cannot mount ${wanted.type} on ${wanted.target}: ${reasonOf(error)}`);
		}
	}
	return problems;
}

const reasonOf = (error: unknown): string =>
	error instanceof SyscallError ? error.message.replace(/^.*: /, "") : (error as Error).message;

/** Whether "/" is the initramfs itself, which no container could leave (sys/mount.ts, replaceRoot). */
const isInitramfs = (): boolean => mounted().some(({ target, type }) => target === "/" && type === "rootfs");

/** Makes "/" a root that containers can leave. */
export function ensureRoot(): void {
	if (!isInitramfs()) return;
	const place = "/.root";
	mkdirSync(place, { recursive: true });
	replaceRoot(place);
}

/** Tried first: the kernel complains of each attempt that fails. */
const USUAL = "ext4";

/** Drivers find disks in their own time. */
const LONGEST_WAIT_MS = 10_000;
const POLL_MS = 50;

/**
 * Where the disk goes: `wanted`, unless that cannot be made on a root that is read-only; then a place in /run.
 */
export function diskPlace(wanted: string): string {
	try {
		mkdirSync(wanted, { recursive: true, mode: 0o700 });
		return wanted;
	} catch {
		mkdirSync(DISK_IN_RUN, { recursive: true, mode: 0o700 });
		return DISK_IN_RUN;
	}
}

const DISK_IN_RUN = "/run/nanocontainer-disk";

/** Mounts a block device, when it is there, on `target`, with the first of this kernel's file systems that it has. */
export async function mountDisk(device: string, target: string): Promise<void> {
	for (let waited = 0; !existsSync(device) && waited < LONGEST_WAIT_MS; waited += POLL_MS) await Bun.sleep(POLL_MS);
	const types = readFileSync("/proc/filesystems", "latin1")
		.split("\n")
		.filter((line) => line.startsWith("\t"))
		.map((line) => line.trim())
		.toSorted((a, b) => Number(b === USUAL) - Number(a === USUAL));
	let last: unknown = new Error("this kernel has no file system for disks");
	for (const type of types) {
		try {
			mount(device, target, type, 0);
			return;
		} catch (error) {
			last = error;
		}
	}
	throw new Error(`cannot mount ${device}: ${reasonOf(last)}`);
}
