/** Mount options in fstab's words → what the kernel is told (mount(8), mount_setattr(2)). Pure. */
import {
	AT_RECURSIVE,
	MOUNT_ATTR_NOATIME,
	MOUNT_ATTR_NODEV,
	MOUNT_ATTR_NODIRATIME,
	MOUNT_ATTR_NOEXEC,
	MOUNT_ATTR_NOSUID,
	MOUNT_ATTR_RDONLY,
	MOUNT_ATTR_STRICTATIME,
	MS_PRIVATE,
	MS_SHARED,
	MS_SLAVE,
	MS_UNBINDABLE,
} from "../sys/mount.ts";
import type { BindFlags } from "./operations.ts";

const ATTRIBUTES: Readonly<Record<string, number>> = {
	ro: MOUNT_ATTR_RDONLY,
	rro: MOUNT_ATTR_RDONLY,
	nosuid: MOUNT_ATTR_NOSUID,
	nodev: MOUNT_ATTR_NODEV,
	noexec: MOUNT_ATTR_NOEXEC,
	noatime: MOUNT_ATTR_NOATIME,
	nodiratime: MOUNT_ATTR_NODIRATIME,
	strictatime: MOUNT_ATTR_STRICTATIME,
};

/** Words that switch an attribute off again. */
const CLEARED: Readonly<Record<string, number>> = {
	rw: MOUNT_ATTR_RDONLY,
	suid: MOUNT_ATTR_NOSUID,
	dev: MOUNT_ATTR_NODEV,
	exec: MOUNT_ATTR_NOEXEC,
	atime: MOUNT_ATTR_NOATIME,
	diratime: MOUNT_ATTR_NODIRATIME,
};

const PROPAGATION: Readonly<Record<string, number>> = {
	private: MS_PRIVATE,
	slave: MS_SLAVE,
	shared: MS_SHARED,
	unbindable: MS_UNBINDABLE,
};

/** MOUNT_ATTR_ flags, and the words left for the file system itself ("size=64m"). Later words win. */
export function mountOptions(words: readonly string[]): { attributes: number; data: string[] } {
	let attributes = 0;
	const data: string[] = [];
	for (const word of words) {
		const set = ATTRIBUTES[word];
		const cleared = CLEARED[word];
		if (set !== undefined) attributes |= set;
		else if (cleared !== undefined) attributes &= ~cleared;
		else data.push(word);
	}
	return { attributes, data };
}

/** The words of a bind mount. "rbind" takes the mounts below along; "rro" makes those read-only too. */
export function bindOptions(words: readonly string[]): BindFlags {
	const { attributes } = mountOptions(words);
	let propagation = MS_PRIVATE;
	for (const word of words) {
		const kind = PROPAGATION[word] ?? PROPAGATION[word.startsWith("r") ? word.slice(1) : ""];
		if (kind !== undefined) propagation = kind;
	}
	const recursive = words.includes("rbind") ? AT_RECURSIVE : 0;
	return { recursive, attributes, propagation, attributesRecursive: words.includes("rro") ? recursive : 0 };
}
