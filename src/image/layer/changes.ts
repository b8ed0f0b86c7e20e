/** What an overlay upperdir changes of the tree below it: added, changed and deleted paths, as `docker diff` tells them. */
import { trySyscall } from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openat2, openDir, tryOpenat2 } from "../../sys/file.ts";
import { namesIn } from "../../sys/fs.ts";
import { type FileStat, S_IFCHR, S_IFDIR, statAt, tryStatAt, typeOf } from "../../sys/stat.ts";
import { nameText } from "../../sys/text.ts";

export interface Change {
	readonly kind: "A" | "C" | "D";
	/** "/etc/passwd" */
	readonly path: string;
}

/** `lower`: the root directory of the merged tree below, open. Sorted by path; a directory in which something changed has changed. */
export function changesOf(upper: string, lower: number): Change[] {
	using top = openDir(upper);
	const changes: Change[] = [];
	walk(top.number, lower, "", changes);
	return changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** `lower`: the same directory there; undefined: there is none. */
function walk(upper: number, lower: number | undefined, prefix: string, changes: Change[]): void {
	for (const name of namesIn(upper)) {
		const path = `${prefix}/${nameText(name)}`;
		const stat = statAt(upper, name);
		const before = lower === undefined ? undefined : tryStatAt(lower, name);
		if (isWhiteout(stat)) {
			if (before) changes.push({ kind: "D", path });
			continue;
		}
		if (typeOf(stat.mode) !== S_IFDIR) {
			changes.push({ kind: before ? "C" : "A", path });
			continue;
		}
		const count = changes.length;
		directory({ upper, lower: before && typeOf(before.mode) === S_IFDIR ? lower : undefined, name, path }, changes);
		if (!before) changes.push({ kind: "A", path });
		else if (changes.length > count || !isSame(stat, before)) changes.push({ kind: "C", path });
	}
}

interface Place {
	readonly upper: number;
	readonly lower: number | undefined;
	readonly name: Uint8Array;
	readonly path: string;
}

function directory({ upper, lower, name, path }: Place, changes: Change[]): void {
	using self = openat2(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	using below = lower === undefined ? undefined : opened(lower, name);
	// An opaque directory hides what was in it, like one that was removed and made again.
	if (below && isOpaque(self.number)) {
		for (const hidden of namesIn(below.number)) {
			if (!tryStatAt(self.number, hidden)) changes.push({ kind: "D", path: `${path}/${nameText(hidden)}` });
		}
	}
	walk(self.number, below?.number, path, changes);
}

function opened(dir: number, name: Uint8Array): Fd | undefined {
	const fd = tryOpenat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	return fd < 0 ? undefined : new Fd(fd);
}

const isWhiteout = ({ mode, major, minor }: FileStat): boolean =>
	typeOf(mode) === S_IFCHR && major === 0 && minor === 0;
const isOpaque = (dir: number): boolean => {
	const value = new Uint8Array(1);
	return trySyscall("fgetxattr", dir, "trusted.overlay.opaque", value, 1) > 0 && value[0] === 0x79; // "y"
};
const isSame = (one: FileStat, other: FileStat): boolean =>
	one.mode === other.mode && one.uid === other.uid && one.gid === other.gid && one.mtime === other.mtime;
