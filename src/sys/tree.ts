/**
 * Removing a directory tree by descriptors: no link that appears on the way leads out of it, and no depth exhausts
 * anything. Each directory that is found is first moved up beside the others, so the walk never goes deeper than two.
 */
import { EBUSY, EEXIST, ENOENT, ENOTEMPTY, SyscallError, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT_FDCWD, AT_REMOVEDIR, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, RESOLVE_NO_XDEV, tryOpenat2 } from "./file.ts";
import { namesIn } from "./fs.ts";
import { type Name, nameText } from "./text.ts";

const EISDIR = 21;
const EXDEV = 18;
const EPERM = 1;
const RENAME_NOREPLACE = 1;

/** Removes `name` in the directory `dir` with everything below. That it is not there is fine. */
export function removeTreeAt(dir: number, name: Name): void {
	const fd = tryOpenat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (fd < 0) {
		if (fd !== -ENOENT) check("unlinkat", name, trySyscall("unlinkat", dir, name, 0));
		return;
	}
	using top = new Fd(fd);
	let moved = 0;
	for (let attempt = 0; ; attempt++) {
		for (let entries = namesIn(top.number); entries.length; entries = namesIn(top.number)) {
			for (const entry of entries) moved = removeEntry(top.number, top.number, entry, moved);
		}
		const result = trySyscall("unlinkat", dir, name, AT_REMOVEDIR);
		// A process that is ending may put a last file there between the look and the removal.
		if (result !== -ENOTEMPTY || attempt === LATE_FILES) {
			check("unlinkat", name, result);
			return;
		}
	}
}

const LATE_FILES = 10;

/** Removes a file, or empties a directory of `top` by moving its own directories up; those it finds elsewhere it moves. */
function removeEntry(top: number, dir: number, entry: Uint8Array, moved: number): number {
	const gone = trySyscall("unlinkat", dir, entry, 0);
	if (gone !== -EISDIR && gone !== -EPERM) {
		check("unlinkat", entry, gone);
		return moved;
	}
	if (dir !== top) return moveUp(top, dir, entry, moved);
	// What is mounted somewhere in it is not a part of it.
	const fd = tryOpenat2(dir, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_XDEV);
	if (fd === -ENOENT) return moved;
	if (fd === -EXDEV) throw new SyscallError("unlinkat", nameText(entry), EBUSY);
	if (fd < 0) throw new SyscallError("openat2", nameText(entry), -fd);
	let count = moved;
	{
		using self = new Fd(fd);
		for (const child of namesIn(self.number)) count = removeEntry(top, self.number, child, count);
	}
	check("unlinkat", entry, trySyscall("unlinkat", dir, entry, AT_REMOVEDIR));
	return count;
}

function moveUp(top: number, dir: number, entry: Uint8Array, moved: number): number {
	for (let number = moved; ; number++) {
		const result = trySyscall("renameat2", dir, entry, top, `.doomed-${number}`, RENAME_NOREPLACE);
		if (result === -EEXIST) continue;
		check("renameat2", entry, result);
		return number + 1;
	}
}

function check(call: string, name: Name, result: number): void {
	if (result < 0 && result !== -ENOENT) throw new SyscallError(call, nameText(name), -result);
}

/** Removes a tree of the host by its path. */
export function removeTree(path: string): void {
	removeTreeAt(AT_FDCWD, path);
}
