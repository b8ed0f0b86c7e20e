/** How much room a directory tree takes on its disk, as du(1) counts it. */
import { Fd } from "./fd.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, tryOpenat2 } from "./file.ts";
import { namesIn } from "./fs.ts";
import { S_IFDIR, tryStatAt, typeOf } from "./stat.ts";
import type { Name } from "./text.ts";

/** What has been counted: a file with several names is counted once. */
export type Counted = Set<string>;

/** Bytes of the blocks of `path` and of everything below it; 0: it is not there. What is mounted in it is another disk's. */
export function diskUsage(path: string, counted: Counted = new Set()): number {
	const stat = tryStatAt(AT_FDCWD, path);
	return stat ? usageOf(AT_FDCWD, path, stat.device, counted) : 0;
}

function usageOf(dir: number, name: Name, device: string, counted: Counted): number {
	const stat = tryStatAt(dir, name);
	if (!stat || stat.device !== device) return 0;
	if (stat.links > 1 && typeOf(stat.mode) !== S_IFDIR) {
		if (counted.has(stat.inode)) return 0;
		counted.add(stat.inode);
	}
	let bytes = stat.blocks * 512;
	if (typeOf(stat.mode) !== S_IFDIR) return bytes;
	const fd = tryOpenat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (fd < 0) return bytes; // gone since
	using self = new Fd(fd);
	for (const entry of namesIn(self.number)) bytes += usageOf(self.number, entry, device, counted);
	return bytes;
}
