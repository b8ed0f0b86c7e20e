/** How much a container has written, and what it is with its image: `ps -s`, `inspect -s`. */

import type { ListedContainer } from "../../store/container-record.ts";
import { getImage } from "../../store/images.ts";
import { Fd } from "../../sys/fd.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, tryOpenat2 } from "../../sys/file.ts";
import { namesIn } from "../../sys/fs.ts";
import { S_IFDIR, S_IFREG, tryStatAt, typeOf } from "../../sys/stat.ts";
import type { Name } from "../../sys/text.ts";
import type { Engine } from "../engine.ts";

/** Bytes of regular files, each counted once however many names it has. */
export function containerSizes(engine: Engine, container: ListedContainer): { own: number; total: number } {
	const own = treeSize(AT_FDCWD, engine.paths.container(container.id).upper, new Set());
	return { own, total: own + (getImage(engine.db, container.config.imageId)?.size ?? 0) };
}

/** Bytes of the regular files below, each file once. */
export function treeSize(dir: number, name: Name, seen: Set<string>): number {
	const fd = tryOpenat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (fd < 0) return 0; // gone since
	using self = new Fd(fd);
	let size = 0;
	for (const entry of namesIn(self.number)) {
		const stat = tryStatAt(self.number, entry);
		if (!stat) continue;
		if (typeOf(stat.mode) === S_IFDIR) size += treeSize(self.number, entry, seen);
		else if (typeOf(stat.mode) === S_IFREG && !seen.has(stat.inode)) size += stat.size;
		if (stat.links > 1) seen.add(stat.inode);
	}
	return size;
}
