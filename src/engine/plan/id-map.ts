/** `-v …:idmap`: files of a mount belong, in the container, to whoever uses them there; on the disk they stay whose they are. */
import { EngineError, messageOf } from "../../errors.ts";
import { type IdMapping, newUserNamespace } from "../../runtime/user-namespace.ts";
import { Fd } from "../../sys/fd.ts";
import { O_PATH, openDir, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, tryOpenat2 } from "../../sys/file.ts";
import { statFd } from "../../sys/stat.ts";

export interface Owner {
	readonly uid: number;
	readonly gid: number;
}

/** All ids that there are: the last one means "none" (chown(2)). */
const ALL = 2 ** 32 - 1;

/**
 * A path by which the new process finds the namespace that maps the mount's ids; what keeps it there is added to `held`. Without
 * `held` nothing is made, and the path is only to be shown.
 */
export function idMapPath(
	option: string,
	source: string,
	root: string | undefined,
	user: Owner,
	held?: DisposableStack,
) {
	if (!held) return "a user namespace";
	const [uids, gids] = mapsOf(option, ownerOf(source, root), user);
	try {
		return `/proc/${process.pid}/fd/${held.use(newUserNamespace(uids, gids)).number}`;
	} catch (error) {
		throw new EngineError("failed", `cannot map the ids of ${source}: ${messageOf(error)}`, { cause: error });
	}
}

/** "idmap": who owns the source, and the container's user, one for the other. "idmap=uids=FROM-TO-N#…;gids=…": as it says. */
export function mapsOf(option: string, owner: Owner, user: Owner): [uids: IdMapping[], gids: IdMapping[]] {
	if (option === "idmap") return [swapped(owner.uid, user.uid), swapped(owner.gid, user.gid)];
	const maps = { uids: swapped(0, 0), gids: swapped(0, 0) };
	for (const part of option.slice("idmap=".length).split(";")) {
		const [kind, triplets = ""] = part.split("=");
		maps[kind as keyof typeof maps] = triplets.split("#").map((triplet) => {
			const [containerID = 0, hostID = 0, size = 0] = triplet.split("-").map(Number);
			return { containerID, hostID, size };
		});
	}
	return [maps.uids, maps.gids];
}

/** Everybody is who they are, but for these two. */
function swapped(one: number, other: number): IdMapping[] {
	const [low, high] = [Math.min(one, other), Math.max(one, other)];
	const same = (from: number, to: number) => ({ containerID: from, hostID: from, size: to - from });
	const maps = [
		same(0, low),
		...(low === high ? [] : [{ containerID: low, hostID: high, size: 1 }, same(low + 1, high)]),
		...(low === high ? [] : [{ containerID: high, hostID: low, size: 1 }]),
		same(low === high ? low : high + 1, ALL),
	];
	return maps.filter(({ size }) => size > 0);
}

function ownerOf(source: string, root: string | undefined): Owner {
	using top = openDir(root ?? "/");
	const resolve = root === undefined ? 0 : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	const found = tryOpenat2(top.number, source, O_PATH, 0, resolve);
	if (found < 0) throw new EngineError("not-found", `cannot map the ids of ${source}: it is not there`);
	using place = new Fd(found);
	return statFd(place.number);
}
