/** `-v …:U`: what is mounted is given, with everything in it, to the container's user. */
import { EngineError } from "../../errors.ts";
import type { MountPoint } from "../../store/container-record.ts";
import { nodeFs } from "../../sys/node.ts";
import { ownTree } from "../../sys/own-tree.ts";
import type { Engine } from "../engine.ts";
import { volumeSource } from "../volume/mounts.ts";

export const isGiven = ({ options }: MountPoint): boolean => options.includes("U");

/** Directories of the host that it cannot do without (podman refuses the same). */
const OF_THE_HOST = new Set(
	[
		"",
		"bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var",
		"usr/bin usr/lib usr/sbin",
	]
		.flatMap((names) => names.split(" "))
		.concat("usr/share usr/local var/lib var/log var/run var/tmp".split(" "))
		.map((name) => `/${name}`),
);

/** Throws EngineError for what is not to be given away. */
export function giveMounts(engine: Engine, mounts: readonly MountPoint[], owner: { uid: number; gid: number }): void {
	for (const mount of mounts.filter(isGiven)) {
		const path = nodeFs().realpathSync(mount.type === "volume" ? volumeSource(engine, mount.source) : mount.source);
		if (OF_THE_HOST.has(path)) {
			throw new EngineError(
				"invalid",
				`${path} cannot be given to the container's user: the host needs it (leave out U)`,
			);
		}
		ownTree(path, owner.uid, owner.gid);
	}
}
