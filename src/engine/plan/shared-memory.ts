/**
 * POSIX shared memory (shm_overview(7)) that other containers may have too (`--ipc shareable`): a tmpfs, mounted on the host in the
 * container's directory while it runs, and bound from there.
 */
import type { Container } from "../../store/container-record.ts";
import { mkdirSync } from "../../sys/fs.ts";
import {
	attachMount,
	detachedMount,
	MOUNT_ATTR_NODEV,
	MOUNT_ATTR_NOEXEC,
	MOUNT_ATTR_NOSUID,
	tryUnmount,
} from "../../sys/mount.ts";
import type { Engine } from "../engine.ts";

export const isShareable = ({ config }: Container): boolean => config.host.ipcMode === "shareable";

export function mountShared(engine: Engine, { id, config }: Container): void {
	const { shm } = engine.paths.container(id);
	mkdirSync(shm, { recursive: true, mode: 0o755 });
	const attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	using made = detachedMount("tmpfs", ["source=shm", "mode=1777", `size=${config.host.shmSize}`], attributes);
	attachMount(made, shm);
}

/** Repeatable. Who has it bound keeps it, until the last of them ends. */
export function unmountShared(engine: Engine, { id }: Container): void {
	while (tryUnmount(engine.paths.container(id).shm) === 0);
}
