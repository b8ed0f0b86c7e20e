/** Settings of the kernel's network (sysctl(8)), as files below /proc/sys/net; in a container they are mostly read-only. */
import { EACCES, EPERM, SyscallError, trySyscall } from "../sys/errno.ts";
import { AT_FDCWD } from "../sys/file.ts";
import { existsSync, readFileSync, writeFileSync } from "../sys/fs.ts";

const EROFS = 30;
const W_OK = 2;

const pathOf = (name: string): string => `/proc/sys/net/${name}`;

export const hasSysctl = (name: string): boolean => existsSync(pathOf(name));
export const sysctl = (name: string): string => readFileSync(pathOf(name), "latin1").trim();

/** False: it has another value, and cannot be written. */
export function setSysctl(name: string, value: string): boolean {
	if (sysctl(name) === value) return true;
	try {
		writeFileSync(pathOf(name), value);
		return true;
	} catch (error) {
		if (error instanceof SyscallError && [EACCES, EPERM, EROFS].includes(error.errno)) return false;
		throw error;
	}
}

/** Whether it has the value, or can be given it. */
export const canSetSysctl = (name: string, value: string): boolean =>
	sysctl(name) === value || trySyscall("faccessat", AT_FDCWD, pathOf(name), W_OK) === 0;
