/**
 * The plan of a mount in a container that runs (`update --mount-add`, `--mount-rm`): a process takes what is to be mounted while
 * it is still the host's, joins the container's mount namespace, and puts it there (open_tree(2), setns(2), move_mount(2)). No
 * program is executed.
 */
import { CLONE_FLAGS, type Mount } from "./config.ts";
import { bindOptions } from "./mounts.ts";
import { type DirectoryId, type Operation, op } from "./operations.ts";
import { mountOne } from "./plan-rootfs.ts";

export interface MountInputs {
	readonly monitor: Operation;
	/** The container's first process, as a descriptor number in the monitor, and its pid. */
	readonly pidfd: number;
	readonly pid: number;
	/** The container's root directory. */
	readonly root: DirectoryId;
}

/** What is unmounted: where, and the directory or file that is mounted there; zeros: a tmpfs. */
export interface Unmount {
	readonly place: string;
	readonly what: DirectoryId;
}

export function compileMountPlan(change: Mount | Unmount, inputs: MountInputs): Operation[] {
	const join = op.setns(inputs.pidfd, CLONE_FLAGS.mount, inputs.root, `/proc/${inputs.pid}/root`);
	if ("place" in change) return [inputs.monitor, join, op.umount(change.place, change.what), op.exit()];
	const isBind = change.type === "bind";
	const take = isBind
		? [op.tree(0, change.source, bindOptions(change.options).recursive, change.root, change.idMap)]
		: [];
	return [inputs.monitor, ...take, join, ...mountOne(change, isBind ? 0 : -1), op.exit()];
}
