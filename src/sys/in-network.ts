/** Doing something in another network namespace (setns(2), network_namespaces(7)). */
import { syscall } from "./errno.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "./file.ts";

const CLONE_NEWNET = 0x40000000;

/**
 * Calls `action` in the network namespace of the process. Sockets that it opens stay there, wherever they are used. It must
 * not wait: this thread alone is there meanwhile, and comes back when it returns.
 */
export function inNetworkOf<T>(pid: number, action: () => T): T {
	using own = openat2(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY);
	using other = openat2(AT_FDCWD, `/proc/${pid}/ns/net`, O_RDONLY);
	syscall("setns", `network of ${pid}`, other.number, CLONE_NEWNET);
	try {
		return action();
	} finally {
		syscall("setns", "own network", own.number, CLONE_NEWNET);
	}
}
