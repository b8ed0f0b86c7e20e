/** Owner, mode, times and extended attributes of what is copied: which it gets, and how they are set. */
import { EOPNOTSUPP, EPERM, SyscallError, syscall, trySyscall } from "../../sys/errno.ts";
import { setTime } from "../../sys/stat.ts";
import type { Found } from "./tree.ts";

export interface Owner {
	readonly uid: number;
	readonly gid: number;
}

export interface PlaceOptions {
	/** --chown; undefined: what the source has, or root. */
	readonly owner: Owner | undefined;
	/** --chmod */
	readonly chmod: ((mode: number) => number) | undefined;
	/** Whether owners of the source mean something here. */
	readonly keepsOwners: boolean;
}

export function ownerOf({ stat }: Found, options: PlaceOptions): Owner {
	return options.owner ?? (options.keepsOwners ? stat : { uid: 0, gid: 0 });
}

export const modeOf = (mode: number, { chmod }: PlaceOptions): number => (chmod?.(mode) ?? mode) & 0o7777;

/**
 * xattr(7): what belongs to a file wherever it is, its capabilities among it. overlay's marks are about a layer, labels of
 * security modules about this host.
 */
export const isKept = (name: string): boolean =>
	!name.startsWith("trusted.") && (name === "security.capability" || !name.startsWith("security."));

/** Owner first: chown(2) clears set-user-ID bits and file capabilities. */
export function takeOver(fd: number, found: Found, options: PlaceOptions): void {
	const { uid, gid } = ownerOf(found, options);
	syscall("fchown", found.path, fd, uid, gid);
	syscall("fchmod", found.path, fd, modeOf(found.stat.mode, options));
	for (const [name, value] of found.xattrs()) {
		if (!isKept(name)) continue;
		const result = trySyscall("fsetxattr", fd, name, value.length ? value : null, value.length, 0);
		if (result < 0 && result !== -EOPNOTSUPP && result !== -EPERM) throw new SyscallError("fsetxattr", name, -result);
	}
	setTime(fd, null, found.stat);
}
