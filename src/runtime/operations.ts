/**
 * The operations of a plan: one table of their numbers (twin of `enum opcode` in native/plan.h), and one function that
 * makes each, with its reason. Pure data: nothing is done here. How a person reads them is in operation-texts.ts.
 */

import { consistsOf, DIGITS } from "../sys/text.ts";

export const OPCODES = {
	monitor: 0,
	unshare: 1,
	setns: 2,
	write: 3,
	propagation: 4,
	overlay: 5,
	"overlay-options": 6,
	root: 7,
	mkdir: 8,
	touch: 9,
	mount: 10,
	bind: 11,
	setattr: 12,
	mask: 13,
	readonly: 14,
	mknod: 15,
	symlink: 16,
	pty: 17,
	console: 18,
	stdio: 19,
	"pivot-root": 20,
	sethostname: 21,
	setdomainname: 22,
	sysctl: 23,
	setrlimit: 24,
	netlink: 25,
	sync: 26,
	setsid: 27,
	"cap-bounding": 28,
	capset: 29,
	"cap-ambient": 30,
	keepcaps: 31,
	setgroups: 32,
	setids: 33,
	"no-new-privs": 34,
	seccomp: 35,
	umask: 36,
	chdir: 37,
	init: 38,
	"close-fds": 39,
	execve: 40,
	scratch: 41,
	"scratch-file": 42,
	"scratch-dir": 43,
	tree: 44,
	join: 45,
	umount: 46,
	exit: 47,
} as const;

export interface Operation {
	readonly code: keyof typeof OPCODES;
	readonly numbers: readonly (number | bigint)[];
	readonly strings: readonly (string | Uint8Array)[];
	/** What it is for. */
	readonly why: string;
}

const operation = (
	code: Operation["code"],
	numbers: Operation["numbers"],
	strings: Operation["strings"],
	why: string,
): Operation => ({ code, numbers, strings, why });

export const op = {
	/** Configuration of the monitor; init skips it. */
	monitor: (flags: number, quietMs: number, strings: readonly string[]) =>
		operation("monitor", [flags, quietMs], strings, "the new process"),

	unshare: (flags: number, names: string) => operation("unshare", [flags], [], `a new ${names} namespace`),

	/** `root` is the root directory there, `fallback` /proc/<pid>/root of the process whose namespaces they are. */
	setns: (fd: number, flags: number, root: DirectoryId, fallback: string) =>
		operation("setns", [fd, flags, root.dev, root.ino], [fallback], "join the container's namespaces"),

	/** A namespace by its file, whose number it must have. */
	join: (path: string, flags: number, inode: bigint, why: string) => operation("join", [flags, inode], [path], why),

	write: (path: string, content: string, why: string) => operation("write", [], [path, content], why),

	propagation: (flags: number) => operation("propagation", [flags], [], "mounts made here stay here"),

	overlay: (target: string, upper: string, work: string, lowers: readonly string[], more: readonly string[] = []) =>
		operation(
			"overlay",
			[],
			[target, ...lowers.map((dir) => `lowerdir+=${dir}`), `upperdir=${upper}`, `workdir=${work}`, ...more],
			"the image's layers, and one of the container's own on top",
		),

	/** The same for kernels that take the layers in one string: `strings` are the target, the other options, the layers. */
	overlayOptions: (
		target: string,
		upper: string,
		work: string,
		lowers: readonly string[],
		more: readonly string[] = [],
	) =>
		operation(
			"overlay-options",
			[],
			[target, `upperdir=${upper},workdir=${work},${more.map((option) => `${option},`).join("")}`, ...lowers],
			"the image's layers, and one of the container's own on top",
		),

	root: (path: string) => operation("root", [], [path], "every path below is resolved in it"),

	mkdir: (path: string, mode: number, why: string) => operation("mkdir", [mode], [path], why),
	touch: (path: string, mode: number, why: string) => operation("touch", [mode], [path], why),

	/** `throughLinks`: whether the target may be reached through links of the image. Not where safety hangs on it. */
	mount: (
		type: string,
		target: string,
		attributes: number,
		options: readonly string[],
		why: string,
		throughLinks = false,
	) => operation("mount", [attributes, throughLinks ? 1 : 0], [type, target, ...options], why),

	/** A file system in memory on a directory of the host, as this mount namespace alone sees it. */
	scratch: (path: string) =>
		operation("scratch", [], [path, "mode=700"], "a place to prepare mounts, gone with the namespace"),
	/** A file in it. The content is shown to nobody. */
	scratchFile: (path: string, content: Uint8Array, owner: { mode: number; uid: number; gid: number }) =>
		operation("scratch-file", [owner.mode, owner.uid, owner.gid], [path, content], "a secret, in memory only"),
	scratchDirectory: (path: string) => operation("scratch-dir", [0o755], [path], "for what is thrown away"),

	/**
	 * Takes a tree of mounts while those of this namespace are still peers of the host's. With `root`, the source is resolved
	 * in that directory of the host, and leads nowhere else. `idMap`: the path of a user namespace that maps the ids of files.
	 */
	tree: (place: number, source: string, recursive: number, root = "", idMap?: string) =>
		operation(
			"tree",
			[place, recursive],
			[source, root, ...(idMap === undefined ? [] : [idMap])],
			idMap === undefined ? "a copy that stays connected to the host's mount" : "a copy whose files belong to others",
		),
	/** `tree`: what that has taken, by its place. */
	bind: (source: string, target: string, bind: BindFlags, why: string, root?: string, tree = -1) =>
		operation(
			"bind",
			[bind.recursive, bind.attributes, bind.propagation, bind.attributesRecursive, tree],
			root === undefined ? [source, target] : [source, target, root],
			why,
		),

	/** Of what is mounted at a path of the root, and nobody is in; `what`: its directory or file, zeros: a tmpfs. */
	umount: (path: string, what: DirectoryId) => operation("umount", [what.dev, what.ino], [path], "no longer wanted"),
	/** Instead of a program. */
	exit: () => operation("exit", [], [], "that was all"),

	setattr: (path: string, recursive: number, attributes: number, why: string) =>
		operation("setattr", [recursive, attributes], [path], why),

	mask: (path: string) => operation("mask", [], [path], "tells of, or reaches, the host"),
	readonly: (path: string) => operation("readonly", [], [path], "may be read, not changed"),

	mknod: (path: string, mode: number, major: number, minor: number) =>
		operation("mknod", [mode, major, minor, 0, 0], [path], "a device that every program expects"),
	symlink: (target: string, path: string) =>
		operation("symlink", [], [target, path], "a link that every program expects"),

	pty: (rows: number, columns: number) =>
		operation("pty", [rows, columns], [], "a terminal in the container's own devpts; the monitor keeps the other side"),
	console: (path: string) => operation("console", [], [path], "the console is the terminal"),
	stdio: (uid: number, gid: number) => operation("stdio", [uid, gid], [], "standard streams, owned by the user"),

	pivotRoot: () => operation("pivot-root", [], [], "the container's root becomes /, the host's goes out of reach"),

	sethostname: (name: string) => operation("sethostname", [], [name], "its own name"),
	setdomainname: (name: string) => operation("setdomainname", [], [name], "its own domain"),

	sysctl: (name: string, value: string) =>
		operation("sysctl", [], [`/proc/sys/${name.replaceAll(".", "/")}`, value], "--sysctl"),

	/** A resource of getrlimit(2), by its number. */
	setrlimit: (resource: number, soft: number, hard: number) =>
		operation("setrlimit", [resource, soft, hard], [], "--ulimit"),

	/** `text` says what the messages do. */
	netlink: (messages: Uint8Array, count: number, text: string) => operation("netlink", [count], [messages], text),

	sync: (number: number, why: string) => operation("sync", [number], [], why),
	setsid: () => operation("setsid", [], [], "a session and a keyring of its own"),

	capBounding: (mask: bigint) => operation("cap-bounding", [mask], [], "no program in here can ever have more"),
	capset: (effective: bigint, permitted: bigint, inheritable: bigint, why: string) =>
		operation("capset", [effective, permitted, inheritable], [], why),
	capAmbient: (mask: bigint) => operation("cap-ambient", [mask], [], "kept over execve"),
	keepcaps: (on: boolean) => operation("keepcaps", [on ? 1 : 0], [], "over setresuid"),

	setgroups: (gids: readonly number[]) =>
		operation("setgroups", [], [new Uint8Array(new Uint32Array(gids).buffer)], "the user's groups"),
	setids: (uid: number, gid: number) => operation("setids", [uid, gid], [], "the user, for good"),
	noNewPrivs: () => operation("no-new-privs", [], [], "set-user-ID programs gain nothing"),
	seccomp: (filter: Uint8Array) => operation("seccomp", [0], [filter], "system calls a container has no need of"),
	umask: (mask: number) => operation("umask", [mask], [], "docker's"),
	chdir: (path: string) => operation("chdir", [], [path], "the working directory"),
	init: () => operation("init", [], [], "PID 1 stays to reap and to pass signals on"),
	closeFds: () => operation("close-fds", [], [], "nothing of the host stays open"),

	execve: (candidates: readonly string[], args: readonly string[], env: readonly string[]) =>
		operation(
			"execve",
			[candidates.length, args.length],
			[...candidates, ...args, ...env],
			"become the container's program",
		),
};

/** What stat(2) tells a directory by. */
export interface DirectoryId {
	readonly dev: bigint;
	readonly ino: bigint;
}

export interface BindFlags {
	/** AT_RECURSIVE or 0: whether mounts below the source come along. */
	readonly recursive: number;
	readonly attributes: number;
	readonly propagation: number;
	/** AT_RECURSIVE or 0: whether the attributes reach those too. */
	readonly attributesRecursive: number;
}

/** Out of a container's state. Zeros, which no directory has, where it is not known or is none. */
export function directoryId(root: string | null): DirectoryId {
	const [dev = "", ino = ""] = root?.split(":") ?? [];
	if (!consistsOf(dev + ino, DIGITS)) return { dev: 0n, ino: 0n };
	return { dev: BigInt(dev), ino: BigInt(ino) };
}
