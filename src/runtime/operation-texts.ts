/**
 * Operations as a person reads them: the system calls as one would write them (`--explain`), and what failed, for an
 * error's text. Loaded when there is something to tell.
 */
import { errnoText } from "../sys/errno.ts";
import {
	attributeNames,
	cloneNames,
	groupsOf,
	hex,
	limitName,
	namespaceNames,
	octal,
	partsOf,
} from "./operation-words.ts";
import type { Operation } from "./operations.ts";

/** A failed operation as one sentence. */
export function failureText(operation: Operation | undefined, errno: number): string {
	return `${operation ? doingOf(operation) : "start the container"}: ${errnoText(errno)}`;
}

/** The system calls. */
export function callOf(operation: Operation): string {
	const { number, big, string, length } = partsOf(operation);
	const strings = operation.strings.map(String);
	switch (operation.code) {
		case "monitor":
			return "clone3(…)";
		case "unshare":
			return `unshare(${cloneNames(number(0)).map((name) => `CLONE_NEW${name}`)})`;
		case "setns":
			return `setns(pidfd, ${namespaceNames(number(1))})`;
		case "join":
			return `setns(open("${string(0)}"), ${namespaceNames(number(0))})`;
		case "write":
		case "sysctl":
			return `write("${string(0)}", "${string(1)}")`;
		case "propagation":
			return 'setns(own mount namespace); mount(NULL, "/", NULL, MS_REC|MS_PRIVATE); chroot(back)';
		case "overlay": {
			const layers = strings.filter((option) => option.startsWith("lowerdir+=")).length;
			const upper = strings.find((option) => option.startsWith("upperdir="));
			return `fsopen("overlay"); fsconfig(lowerdir+ × ${layers}, ${upper}); fsmount(); move_mount(→ "${string(0)}")`;
		}
		case "overlay-options": {
			const [upper] = string(1).split(",workdir=");
			return `mount("overlay", "${string(0)}", "overlay", 0, "lowerdir=…×${strings.length - 2},${upper}")`;
		}
		case "root":
			return `open("${string(0)}", O_PATH)`;
		case "mkdir":
			return `mkdirat(root, "${string(0)}", ${octal(number(0))})`;
		case "touch":
			return `openat(root, "${string(0)}", O_CREAT|O_EXCL|O_NOFOLLOW)`;
		case "mount":
			return `fsopen("${string(0)}"); fsconfig(${strings.slice(2).join(", ")}); fsmount(${attributeNames(number(0))}); move_mount(→ "${string(1)}")`;
		case "scratch":
			return `fsopen("tmpfs"); fsmount(); move_mount(→ "${string(0)}")`;
		case "scratch-file":
			return `open("${string(0)}", O_CREAT|O_EXCL); write(${length(1)} bytes); fchown(${number(1)}, ${number(2)}); fchmod(${octal(number(0))})`;
		case "scratch-dir":
			return `mkdir("${string(0)}", ${octal(number(0))})`;
		case "tree":
			return `open_tree("${string(0)}", OPEN_TREE_CLONE${number(1) ? "|AT_RECURSIVE" : ""})${strings.length > 2 ? "; mount_setattr(IDMAP)" : ""}`;
		case "bind":
			return `${number(4) < 0 ? `open_tree("${string(0)}", OPEN_TREE_CLONE${number(0) ? "|AT_RECURSIVE" : ""}); ` : ""}mount_setattr(${attributeNames(number(1))}); move_mount(→ "${string(1)}")`;
		case "setattr":
			return `mount_setattr("${string(0)}", ${attributeNames(number(1))})`;
		case "mask":
			return `move_mount(/dev/null or empty tmpfs → "${string(0)}")`;
		case "readonly":
			return `open_tree("${string(0)}", OPEN_TREE_CLONE); mount_setattr(RDONLY); move_mount(→ "${string(0)}")`;
		case "mknod":
			return `mknodat(root, "${string(0)}", ${octal(number(0))}, makedev(${number(1)}, ${number(2)}))`;
		case "symlink":
			return `symlinkat("${string(0)}", root, "${string(1)}")`;
		case "pty":
			return 'open("/dev/pts/ptmx"); ioctl(TIOCSPTLCK); ioctl(TIOCGPTPEER); sendmsg(SCM_RIGHTS → monitor)';
		case "console":
			return `open_tree(pty); move_mount(→ "${string(0)}")`;
		case "stdio":
			return `dup2(…, 0), dup2(…, 1), dup2(…, 2); fchown(${number(0)}, ${number(1)})`;
		case "pivot-root":
			return 'setns(own mount namespace); fchdir(root); pivot_root(".", "."); umount2(".", MNT_DETACH)';
		case "sethostname":
			return `sethostname("${string(0)}")`;
		case "setdomainname":
			return `setdomainname("${string(0)}")`;
		case "setrlimit":
			return `setrlimit(${limitName(number(0))}, ${number(1)}, ${number(2)})`;
		case "netlink":
			return `sendto(NETLINK_ROUTE, ${number(0)} message${number(0) === 1 ? "" : "s"})`;
		case "sync":
			return "send(SYNC); recv(GO)";
		case "setsid":
			return "keyctl(JOIN_SESSION_KEYRING); setsid()";
		case "cap-bounding":
			return `prctl(PR_CAPBSET_DROP, all but ${hex(big(0))})`;
		case "capset":
			return `capset(effective=${hex(big(0))}, permitted=${hex(big(1))}, inheritable=${hex(big(2))})`;
		case "cap-ambient":
			return `prctl(PR_CAP_AMBIENT, ${hex(big(0))})`;
		case "keepcaps":
			return `prctl(PR_SET_KEEPCAPS, ${number(0)})`;
		case "setgroups":
			return `setgroups([${groupsOf(operation).join(", ")}])`;
		case "setids":
			return `setresgid(${number(1)}); setresuid(${number(0)})`;
		case "no-new-privs":
			return "prctl(PR_SET_NO_NEW_PRIVS)";
		case "seccomp":
			return `seccomp(SECCOMP_SET_MODE_FILTER, ${length(0) / 8} instructions)`;
		case "umask":
			return `umask(${octal(number(0))})`;
		case "chdir":
			return `chdir("${string(0)}")`;
		case "umount":
			return `fchdir(parent of "${string(0)}"); umount2(UMOUNT_NOFOLLOW)`;
		case "exit":
			return "_exit(0)";
		case "init":
			return "fork()";
		case "close-fds":
			return "close_range(3, ~0, CLOSE_RANGE_CLOEXEC)";
		case "execve": {
			const [candidates, count] = [number(0), number(1)];
			const more = candidates > 1 ? ` and ${candidates - 1} more of PATH` : "";
			const args = strings.slice(candidates, candidates + count);
			return `execve("${string(0)}"${more}, ${JSON.stringify(args)}, ${strings.length - candidates - count} variables)`;
		}
	}
}

/** What failed, for the user: "mount proc on /proc". */
function doingOf(operation: Operation): string {
	const { number, string } = partsOf(operation);
	switch (operation.code) {
		case "monitor":
			return "start the container";
		case "unshare":
			return `unshare ${cloneNames(number(0)).map((name) => `CLONE_NEW${name}`)}`;
		case "join":
			return `join the ${namespaceNames(number(0))} namespace of the other container`;
		case "setns":
			return `join ${namespaceNames(number(1))}`;
		case "write":
			return `write ${string(0)}`;
		case "propagation":
			return "make mounts private";
		case "overlay":
		case "overlay-options":
			return "mount the container's overlay";
		case "root":
			return `open ${string(0)}`;
		case "mkdir":
		case "scratch-dir":
			return `mkdir ${string(0)}`;
		case "touch":
			return `create ${string(0)}`;
		case "tree":
			return `mount ${string(0)}${operation.strings.length > 2 ? " with other ids" : ""}`;
		case "mount":
		case "bind":
			return `mount ${string(0)} on ${string(1)}`;
		case "scratch":
			return "mount a scratch tmpfs";
		case "scratch-file":
			return "write a secret";
		case "umount":
			return `unmount ${string(0)}`;
		case "setattr":
			return `set mount attributes of ${string(0)}`;
		case "mask":
			return `mask ${string(0)}`;
		case "readonly":
			return `make ${string(0)} read-only`;
		case "mknod":
			return `mknod ${string(0)}`;
		case "symlink":
			return `symlink ${string(1)}`;
		case "pty":
			return "open a terminal in the container";
		case "console":
			return `mount the terminal on ${string(0)}`;
		case "stdio":
			return "set up the standard streams";
		case "pivot-root":
			return "pivot_root";
		case "sethostname":
			return `set the host name "${string(0)}"`;
		case "setdomainname":
			return `set the domain "${string(0)}"`;
		case "sysctl":
			return `set ${string(0).slice("/proc/sys/".length).replaceAll("/", ".")}=${string(1)}`;
		case "setrlimit":
			return `set limit ${limitName(number(0))}`;
		case "netlink":
			return `configure the network (${operation.why})`;
		case "sync":
			return "wait for NanoContainer";
		case "cap-bounding":
			return "drop capabilities";
		case "capset":
			return "set capabilities";
		case "cap-ambient":
			return "set ambient caps";
		case "keepcaps":
			return "keep capabilities";
		case "setgroups":
			return "set supplementary groups";
		case "setids":
			return `become user ${number(0)}:${number(1)}`;
		case "no-new-privs":
			return "no_new_privs";
		case "seccomp":
			return "install the seccomp filter";
		case "chdir":
			return `chdir to cwd ("${string(0)}")`;
		case "init":
			return "start the init process";
		case "close-fds":
			return "close_range";
		case "execve":
			return `exec: "${string(number(0))}"`;
		case "setsid":
		case "exit":
		case "umask":
			return operation.code;
	}
}
