/** How much is in a directory tree. */
import { Fd } from "./fd.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, tryOpenat2 } from "./file.ts";
import { namesIn } from "./fs.ts";
import { S_IFDIR, S_IFREG, tryStatAt, typeOf } from "./stat.ts";
import type { Name } from "./text.ts";

/** Bytes of the regular files below `path`, each file once however many names it has. What is not there has none. */
export const treeSize = (path: string): number => sizeBelow(AT_FDCWD, path, new Set());

function sizeBelow(dir: number, name: Name, seen: Set<string>): number {
	const fd = tryOpenat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (fd < 0) return 0; // gone since
	using self = new Fd(fd);
	let size = 0;
	for (const entry of namesIn(self.number)) {
		const stat = tryStatAt(self.number, entry);
		if (!stat) continue;
		if (typeOf(stat.mode) === S_IFDIR) size += sizeBelow(self.number, entry, seen);
		else if (typeOf(stat.mode) === S_IFREG && !seen.has(stat.inode)) size += stat.size;
		if (stat.links > 1) seen.add(stat.inode);
	}
	return size;
}
