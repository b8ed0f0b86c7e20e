/** `--volumes-from`: the volumes and host directories of another container. */
import { EngineError } from "../../errors.ts";
import type { HostConfig, MountPoint } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";

/** The container's own mounts, and what others lend it where it has none of its own. A later container wins. */
export function withVolumesFrom(engine: Engine, { mounts, volumesFrom }: HostConfig): MountPoint[] {
	if (volumesFrom.length === 0) return [...mounts];
	const lent = new Map<string, MountPoint>();
	for (const text of volumesFrom) for (const mount of lentBy(engine, text)) lent.set(mount.destination, mount);
	for (const { destination } of mounts) lent.delete(destination);
	return [...lent.values(), ...mounts];
}

/** "container[:mode]" */
function lentBy(engine: Engine, text: string): MountPoint[] {
	const [name = "", mode = "rw", ...more] = text.split(":");
	if (name === "" || more.length) throw new EngineError("invalid", `invalid volumes-from specification: ${text}`);
	if (!["ro", "rw", "z", "Z"].includes(mode)) throw new EngineError("invalid", `invalid mode: ${mode}`);
	return findContainer(engine.db, name)
		.config.host.mounts.filter(({ type }) => type !== "tmpfs")
		.map((mount) => ({ ...mount, readonly: mount.readonly || mode === "ro", options: [...mount.options] }));
}
