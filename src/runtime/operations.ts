/**
 * The operations of a plan: one table of their numbers (twin of `enum opcode` in native/plan.h), and one function for
 * each that says what it does, in the kernel's words, with its reason. Pure data: nothing is done here.
 */
import { errnoText } from "../sys/errno.ts";

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
} as const;

export interface Operation {
	readonly code: keyof typeof OPCODES;
	readonly numbers: readonly (number | bigint)[];
	readonly strings: readonly (string | Uint8Array)[];
	/** The system calls, as a person would write them. */
	readonly call: string;
	/** What it is for. */
	readonly why: string;
	/** What failed, for the user: "mount proc on /proc". */
	readonly doing: string;
}

/** A failed operation as one sentence. */
export function failureText(operation: Operation | undefined, errno: number): string {
	return `${operation?.doing ?? "start the container"}: ${errnoText(errno)}`;
}

const operation = (
	code: Operation["code"],
	numbers: Operation["numbers"],
	strings: Operation["strings"],
	call: string,
	why: string,
	doing: string,
): Operation => ({ code, numbers, strings, call, why, doing });

const octal = (mode: number): string => `0${mode.toString(8)}`;
const hex = (n: number | bigint): string => `0x${n.toString(16)}`;

export const op = {
	/** Configuration of the monitor; init skips it. */
	monitor: (flags: number, quietMs: number, strings: readonly string[]) =>
		operation("monitor", [flags, quietMs], strings, "clone3(…)", "the new process", "start the container"),

	unshare: (flags: number, names: string) =>
		operation("unshare", [flags], [], `unshare(${names})`, `a new ${names} namespace`, `unshare ${names}`),

	/** `root`: /proc/<pid>/root of the process whose namespaces they are. */
	setns: (fd: number, flags: number, names: string, root: string) =>
		operation(
			"setns",
			[fd, flags],
			[root],
			`setns(pidfd, ${names})`,
			"join the container's namespaces",
			`join ${names}`,
		),

	write: (path: string, content: string, why: string) =>
		operation("write", [], [path, content], `write("${path}", "${content}")`, why, `write ${path}`),

	propagation: (flags: number) =>
		operation(
			"propagation",
			[flags],
			[],
			'mount(NULL, "/", NULL, MS_REC|MS_PRIVATE)',
			"mounts made here stay here",
			"make mounts private",
		),

	overlay: (target: string, upper: string, work: string, lowers: readonly string[], more: readonly string[] = []) =>
		operation(
			"overlay",
			[],
			[target, ...lowers.map((dir) => `lowerdir+=${dir}`), `upperdir=${upper}`, `workdir=${work}`, ...more],
			`fsopen("overlay"); fsconfig(lowerdir+ × ${lowers.length}, upperdir=${upper}); fsmount(); move_mount(→ "${target}")`,
			"the image's layers, and one of the container's own on top",
			"mount the container's overlay",
		),

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
			`mount("overlay", "${target}", "overlay", 0, "lowerdir=…×${lowers.length},upperdir=${upper}")`,
			"the image's layers, and one of the container's own on top",
			"mount the container's overlay",
		),

	root: (path: string) =>
		operation("root", [], [path], `open("${path}", O_PATH)`, "every path below is resolved in it", `open ${path}`),

	mkdir: (path: string, mode: number, why: string) =>
		operation("mkdir", [mode], [path], `mkdirat(root, "${path}", ${octal(mode)})`, why, `mkdir ${path}`),

	touch: (path: string, mode: number, why: string) =>
		operation("touch", [mode], [path], `openat(root, "${path}", O_CREAT|O_EXCL|O_NOFOLLOW)`, why, `create ${path}`),

	/** `throughLinks`: whether the target may be reached through links of the image. Not where safety hangs on it. */
	mount: (
		type: string,
		target: string,
		attributes: number,
		options: readonly string[],
		why: string,
		throughLinks = false,
	) =>
		operation(
			"mount",
			[attributes, throughLinks ? 1 : 0],
			[type, target, ...options],
			`fsopen("${type}"); fsconfig(${options.join(", ")}); fsmount(${attributeNames(attributes)}); move_mount(→ "${target}")`,
			why,
			`mount ${type} on ${target}`,
		),

	/** A file system in memory on a directory of the host, as this mount namespace alone sees it. */
	scratch: (path: string) =>
		operation(
			"scratch",
			[],
			[path, "mode=700"],
			`fsopen("tmpfs"); fsmount(); move_mount(→ "${path}")`,
			"a place to prepare mounts, gone with the namespace",
			"mount a scratch tmpfs",
		),

	/** A file in it. The content is shown to nobody. */
	scratchFile: (path: string, content: Uint8Array, owner: { mode: number; uid: number; gid: number }) =>
		operation(
			"scratch-file",
			[owner.mode, owner.uid, owner.gid],
			[path, content],
			`open("${path}", O_CREAT|O_EXCL); write(${content.length} bytes); fchown(${owner.uid}, ${owner.gid}); fchmod(${octal(owner.mode)})`,
			"a secret, in memory only",
			"write a secret",
		),

	scratchDirectory: (path: string) =>
		operation("scratch-dir", [0o755], [path], `mkdir("${path}", 0755)`, "for what is thrown away", `mkdir ${path}`),

	/** With `root`, the source is resolved in that directory of the host, and leads nowhere else. */
	bind: (source: string, target: string, bind: BindFlags, why: string, root?: string) =>
		operation(
			"bind",
			[bind.recursive, bind.attributes, bind.propagation, bind.attributesRecursive],
			[source, target, ...(root === undefined ? [] : [root])],
			`open_tree("${source}", OPEN_TREE_CLONE${bind.recursive ? "|AT_RECURSIVE" : ""}); mount_setattr(${attributeNames(bind.attributes)}); move_mount(→ "${target}")`,
			why,
			`mount ${source} on ${target}`,
		),

	setattr: (path: string, recursive: number, attributes: number, why: string) =>
		operation(
			"setattr",
			[recursive, attributes],
			[path],
			`mount_setattr("${path}", ${attributeNames(attributes)})`,
			why,
			`set mount attributes of ${path}`,
		),

	mask: (path: string) =>
		operation(
			"mask",
			[],
			[path],
			`move_mount(/dev/null or empty tmpfs → "${path}")`,
			"tells of, or reaches, the host",
			`mask ${path}`,
		),

	readonly: (path: string) =>
		operation(
			"readonly",
			[],
			[path],
			`open_tree("${path}", OPEN_TREE_CLONE); mount_setattr(RDONLY); move_mount(→ "${path}")`,
			"may be read, not changed",
			`make ${path} read-only`,
		),

	mknod: (path: string, mode: number, major: number, minor: number) =>
		operation(
			"mknod",
			[mode, major, minor, 0, 0],
			[path],
			`mknodat(root, "${path}", ${octal(mode)}, makedev(${major}, ${minor}))`,
			"a device that every program expects",
			`mknod ${path}`,
		),

	symlink: (target: string, path: string) =>
		operation(
			"symlink",
			[],
			[target, path],
			`symlinkat("${target}", root, "${path}")`,
			"a link that every program expects",
			`symlink ${path}`,
		),

	pty: (rows: number, columns: number) =>
		operation(
			"pty",
			[rows, columns],
			[],
			'open("/dev/pts/ptmx"); ioctl(TIOCSPTLCK); ioctl(TIOCGPTPEER); sendmsg(SCM_RIGHTS → monitor)',
			"a terminal in the container's own devpts; the monitor keeps the other side",
			"open a terminal in the container",
		),

	console: (path: string) =>
		operation(
			"console",
			[],
			[path],
			`open_tree(pty); move_mount(→ "${path}")`,
			"the console is the terminal",
			`mount the terminal on ${path}`,
		),

	stdio: (uid: number, gid: number) =>
		operation(
			"stdio",
			[uid, gid],
			[],
			`dup2(…, 0), dup2(…, 1), dup2(…, 2); fchown(${uid}, ${gid})`,
			"standard streams, owned by the user",
			"set up the standard streams",
		),

	pivotRoot: () =>
		operation(
			"pivot-root",
			[],
			[],
			'fchdir(root); pivot_root(".", "."); umount2(".", MNT_DETACH)',
			"the container's root becomes /, the host's goes out of reach",
			"pivot_root",
		),

	sethostname: (name: string) =>
		operation("sethostname", [], [name], `sethostname("${name}")`, "its own name", `set the host name "${name}"`),
	setdomainname: (name: string) =>
		operation("setdomainname", [], [name], `setdomainname("${name}")`, "its own domain", `set the domain "${name}"`),

	sysctl: (name: string, value: string) => {
		const path = `/proc/sys/${name.replaceAll(".", "/")}`;
		return operation("sysctl", [], [path, value], `write("${path}", "${value}")`, "--sysctl", `set ${name}=${value}`);
	},

	setrlimit: (resource: number, name: string, soft: number, hard: number) =>
		operation(
			"setrlimit",
			[resource, soft, hard],
			[],
			`setrlimit(${name}, ${soft}, ${hard})`,
			"--ulimit",
			`set limit ${name}`,
		),

	netlink: (messages: Uint8Array, count: number, text: string, why: string) =>
		operation("netlink", [count], [messages], `sendto(NETLINK_ROUTE, ${text})`, why, `configure the network (${text})`),

	sync: (number: number, why: string) =>
		operation("sync", [number], [], "send(SYNC); recv(GO)", why, "wait for NanoContainer"),

	setsid: () =>
		operation(
			"setsid",
			[],
			[],
			"keyctl(JOIN_SESSION_KEYRING); setsid()",
			"a session and a keyring of its own",
			"setsid",
		),

	capBounding: (mask: bigint) =>
		operation(
			"cap-bounding",
			[mask],
			[],
			`prctl(PR_CAPBSET_DROP, all but ${hex(mask)})`,
			"no program in here can ever have more",
			"drop capabilities",
		),
	capset: (effective: bigint, permitted: bigint, inheritable: bigint, why: string) =>
		operation(
			"capset",
			[effective, permitted, inheritable],
			[],
			`capset(effective=${hex(effective)}, permitted=${hex(permitted)}, inheritable=${hex(inheritable)})`,
			why,
			"set capabilities",
		),
	capAmbient: (mask: bigint) =>
		operation("cap-ambient", [mask], [], `prctl(PR_CAP_AMBIENT, ${hex(mask)})`, "kept over execve", "set ambient caps"),
	keepcaps: (on: boolean) =>
		operation(
			"keepcaps",
			[on ? 1 : 0],
			[],
			`prctl(PR_SET_KEEPCAPS, ${on ? 1 : 0})`,
			"over setresuid",
			"keep capabilities",
		),

	setgroups: (gids: readonly number[]) =>
		operation(
			"setgroups",
			[],
			[new Uint8Array(Uint32Array.from(gids).buffer)],
			`setgroups([${gids.join(", ")}])`,
			"the user's groups",
			"set supplementary groups",
		),
	setids: (uid: number, gid: number) =>
		operation(
			"setids",
			[uid, gid],
			[],
			`setresgid(${gid}); setresuid(${uid})`,
			"the user, for good",
			`become user ${uid}:${gid}`,
		),
	noNewPrivs: () =>
		operation(
			"no-new-privs",
			[],
			[],
			"prctl(PR_SET_NO_NEW_PRIVS)",
			"set-user-ID programs gain nothing",
			"no_new_privs",
		),
	seccomp: (filter: Uint8Array) =>
		operation(
			"seccomp",
			[0],
			[filter],
			`seccomp(SECCOMP_SET_MODE_FILTER, ${filter.length / 8} instructions)`,
			"system calls a container has no need of",
			"install the seccomp filter",
		),
	umask: (mask: number) => operation("umask", [mask], [], `umask(${octal(mask)})`, "docker's", "umask"),
	chdir: (path: string) =>
		operation("chdir", [], [path], `chdir("${path}")`, "the working directory", `chdir to cwd ("${path}")`),
	init: () =>
		operation("init", [], [], "fork()", "PID 1 stays to reap and to pass signals on", "start the init process"),
	closeFds: () =>
		operation(
			"close-fds",
			[],
			[],
			"close_range(3, ~0, CLOSE_RANGE_CLOEXEC)",
			"nothing of the host stays open",
			"close_range",
		),
	execve: (candidates: readonly string[], args: readonly string[], env: readonly string[]) =>
		operation(
			"execve",
			[candidates.length, args.length],
			[...candidates, ...args, ...env],
			`execve("${candidates[0]}"${candidates.length > 1 ? ` and ${candidates.length - 1} more of PATH` : ""}, ${JSON.stringify(args)}, ${env.length} variables)`,
			"become the container's program",
			`exec: "${args[0]}"`,
		),
};

export interface BindFlags {
	/** AT_RECURSIVE or 0: whether mounts below the source come along. */
	readonly recursive: number;
	readonly attributes: number;
	readonly propagation: number;
	/** AT_RECURSIVE or 0: whether the attributes reach those too. */
	readonly attributesRecursive: number;
}

function attributeNames(attributes: number): string {
	const names = ["RDONLY", "NOSUID", "NODEV", "NOEXEC", "NOATIME", "STRICTATIME", "", "NODIRATIME"];
	return names.filter((name, bit) => name && attributes & (1 << bit)).join("|") || "0";
}
