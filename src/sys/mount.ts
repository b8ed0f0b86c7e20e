/**
 * The mount API by descriptors (fsopen(2), fsconfig(2), fsmount(2)), for file systems that are never attached
 * anywhere: they vanish with their descriptor. What a container's own mounts are is in src/runtime/plan-rootfs.ts.
 */
import { SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT_FDCWD } from "./file.ts";
import { fromUtf8 } from "./text.ts";

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const AT_RECURSIVE = 0x8000;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_RELATIME = 1 << 21;
const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MS_MOVE = 8192;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MS_REC = 1 << 14;

/** A mount of file system `type` with "key=value" options, attached to nothing. */
export function detachedMount(type: string, options: readonly string[], attributes: number): Fd {
	using fs = new Fd(syscall("fsopen", type, type, FSOPEN_CLOEXEC));
	for (const option of options) {
		const equals = option.indexOf("=");
		const result =
			equals < 0
				? trySyscall("fsconfig", fs.number, FSCONFIG_SET_FLAG, option, null, 0)
				: trySyscall("fsconfig", fs.number, FSCONFIG_SET_STRING, option.slice(0, equals), option.slice(equals + 1), 0);
		if (result < 0) throw explained(fs, new SyscallError("fsconfig", `${type} ${option}`, -result));
	}
	const result = trySyscall("fsconfig", fs.number, FSCONFIG_CMD_CREATE, null, null, 0);
	if (result < 0) throw explained(fs, new SyscallError("fsconfig", type, -result));
	return new Fd(syscall("fsmount", type, fs.number, FSMOUNT_CLOEXEC, attributes));
}

/** With what the file system itself says of it, which the descriptor holds line by line: "e tmpfs: Bad value for 'size'". */
function explained(fs: Fd, error: SyscallError): SyscallError {
	const line = new Uint8Array(1024);
	const n = trySyscall("read", fs.number, line, line.length);
	if (n > 0)
		error.message += ` (${fromUtf8(line.subarray(0, n))
			.trim()
			.replace(/^[ewi] /, "")})`;
	return error;
}

const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** Puts a detached mount in its place (move_mount(2)). */
export const attachMount = (made: Fd, target: string): void =>
	void syscall("move_mount", target, made.number, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);

/** umount2(2); -errno: EBUSY where somebody is in it, EINVAL where nothing is mounted. */
export const tryUnmount = (target: string): number => trySyscall("umount2", target, 0);

/** mount(2), as the first process of a machine uses it. Throws SyscallError. */
export function mount(source: string, target: string, type: string, flags: number, options = ""): void {
	syscall("mount", `${type} on ${target}`, source, target, type, flags, options || null);
}

/** Makes a mounted file system read-only. What is still written to it stays writable: -errno then. */
export const tryRemountReadOnly = (target: string): number =>
	trySyscall("mount", "none", target, null, MS_REMOUNT | MS_RDONLY, null);

/**
 * Gives this process a root that is a mount below another. The file system that an initramfs is unpacked in is the one
 * mount without a parent: pivot_root(2) refuses to leave it, which every container has to. So it is bound on itself,
 * and the copy moved over "/". `place` is a directory to do that at, and empty afterwards.
 */
export function replaceRoot(place: string): void {
	syscall("mount", place, "/", place, null, MS_BIND | MS_REC, null);
	syscall("chdir", place, place);
	syscall("mount", "/", ".", "/", null, MS_MOVE, null);
	syscall("chroot", "/", ".");
	syscall("chdir", "/", "/");
}
