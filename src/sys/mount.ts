/**
 * The mount API by descriptors (fsopen(2), fsconfig(2), fsmount(2)), for file systems that are never attached
 * anywhere: they vanish with their descriptor. What a container's own mounts are is in src/runtime/plan-rootfs.ts.
 */
import { SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";

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
		if (result < 0) throw new SyscallError("fsconfig", `${type} ${option}`, -result);
	}
	syscall("fsconfig", type, fs.number, FSCONFIG_CMD_CREATE, null, null, 0);
	return new Fd(syscall("fsmount", type, fs.number, FSMOUNT_CLOEXEC, attributes));
}
