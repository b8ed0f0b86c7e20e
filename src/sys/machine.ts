/** What only the first process of a machine asks for: modules, the clock, the name, the end (reboot(2)). */
import { EEXIST, SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT_FDCWD, O_NONBLOCK, O_RDONLY, openat2, tryOpenat2 } from "./file.ts";

const MODULE_INIT_COMPRESSED_FILE = 4;

/** Loads a module's file (finit_module(2)); the kernel unpacks it if `compressed`, where it can. Returns -errno. */
export function tryLoadModule(path: string, compressed: boolean): number {
	using file = openat2(AT_FDCWD, path, O_RDONLY);
	return loaded(trySyscall("finit_module", file.number, "", compressed ? MODULE_INIT_COMPRESSED_FILE : 0));
}

/** The same from memory (init_module(2)). */
export const tryLoadModuleBytes = (bytes: Uint8Array): number =>
	loaded(trySyscall("init_module", bytes, bytes.length, ""));

const loaded = (result: number): number => (result === -EEXIST ? 0 : result);

export function setHostname(name: string): void {
	const bytes = Buffer.from(name);
	syscall("sethostname", name, bytes, bytes.length);
}

/** Sets the clock (clock_settime(2)). */
export function setClock(milliseconds: number): void {
	const CLOCK_REALTIME = 0;
	const time = new BigInt64Array([BigInt(Math.trunc(milliseconds / 1000)), 0n]);
	syscall("clock_settime", "CLOCK_REALTIME", CLOCK_REALTIME, time);
}

/** Writes everything to the disks (sync(2)). */
export const syncAll = (): void => void trySyscall("sync");

/** Writes one file system to its disk (syncfs(2)). `path` is any directory in it. */
export function syncFileSystem(path: string): void {
	using dir = openat2(AT_FDCWD, path, O_RDONLY);
	syscall("syncfs", path, dir.number);
}

const MAGIC = [0xfee1dead, 0x28121969] as const;
const COMMANDS = { poweroff: 0x4321fedc, reboot: 0x01234567, halt: 0xcdef0123 } as const;
export type Ending = keyof typeof COMMANDS;

/** Ends the machine, at once: nothing is written, nothing stopped. Returns only if the kernel refuses. */
export function endMachine(how: Ending): SyscallError {
	const result = trySyscall("reboot", ...MAGIC, COMMANDS[how], null);
	return new SyscallError("reboot", how, -result);
}

/** Ctrl-Alt-Del becomes a SIGINT to the first process, instead of an end without warning. */
export function catchCtrlAltDel(): void {
	trySyscall("reboot", ...MAGIC, 0, null);
}

const F_SETFL = 4;
const F_SETOWN = 8;
const O_ASYNC = 0o20000;

/**
 * Opens a device that announces what can be read by SIGIO to this process (fcntl(2), O_ASYNC); reading does not block.
 * So nothing has to wait in a thread of its own. undefined: it is not there.
 */
export function tryOpenSignalling(path: string): Fd | undefined {
	const fd = tryOpenat2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, 0);
	if (fd < 0) return undefined;
	trySyscall("fcntl", fd, F_SETOWN, process.pid);
	trySyscall("fcntl", fd, F_SETFL, O_NONBLOCK | O_ASYNC);
	return new Fd(fd);
}
