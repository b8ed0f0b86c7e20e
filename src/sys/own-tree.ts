/** Giving a directory tree to somebody, by descriptors: no link that appears on the way leads out of it. */
import { ENOENT, SyscallError, syscall, trySyscall } from "./errno.ts";
import { Fd } from "./fd.ts";
import {
	AT_FDCWD,
	AT_SYMLINK_NOFOLLOW,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_RDONLY,
	RESOLVE_NO_XDEV,
	tryOpenat2,
} from "./file.ts";
import { namesIn } from "./fs.ts";
import { S_IFDIR, tryStatAt, typeOf } from "./stat.ts";
import { type Name, nameText } from "./text.ts";

/** chown(2) of `path`, and of everything below it that is not theirs already. What is mounted in it is left alone. */
export function ownTree(path: string, uid: number, gid: number): void {
	own(AT_FDCWD, path, 0, uid, gid);
}

function own(dir: number, name: Name, resolve: number, uid: number, gid: number): void {
	const stat = tryStatAt(dir, name);
	if (!stat) return; // gone since
	// A directory last: who owns it early could change what is below while we are at it.
	if (typeOf(stat.mode) === S_IFDIR) {
		const fd = tryOpenat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, resolve);
		if (fd < 0) return;
		using self = new Fd(fd);
		for (const entry of namesIn(self.number)) own(self.number, entry, RESOLVE_NO_XDEV, uid, gid);
		syscall("fchown", nameText(name), self.number, uid, gid);
		return;
	}
	if (stat.uid === uid && stat.gid === gid) return;
	const result = trySyscall("fchownat", dir, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	if (result < 0 && result !== -ENOENT) throw new SyscallError("fchownat", nameText(name), -result);
}
