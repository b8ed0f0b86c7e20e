/** An archive of whatever is at a place, a file, a link, a directory with all below it: what `cp` and `export` make. */
import { AT_FDCWD, O_RDONLY, openat2, readLinkAt } from "../../sys/file.ts";
import { fileSystemType, S_IFDIR, S_IFLNK, statFd, typeOf } from "../../sys/stat.ts";
import { listXattrsOfOpen } from "../../sys/xattr.ts";
import { TarOutput } from "../tar/output.ts";
import { plainEntry } from "../tar/writer.ts";
import { NODE_TYPES, writeChangeset } from "./diff.ts";

/** proc, sysfs, cgroup, cgroup2, devpts, mqueue (statfs(2)). */
const OF_KERNEL = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202]);

/** What is there is no files, but the kernel's answers. `place`: open. */
export const isOfKernel = (place: number): boolean => OF_KERNEL.has(fileSystemType(`/proc/self/fd/${place}`) ?? 0);

/**
 * Feeds the archive to `sink`, a chunk at a time, each good only during the call. `place`: opened with O_PATH, and O_NOFOLLOW for a
 * link itself; `as`: what it is called in the archive; of a directory "": only what is in it. Returns the bytes of its files.
 */
export function writeTree(place: number, as: string, sink: (chunk: Uint8Array) => void): number {
	const stat = statFd(place);
	if (typeOf(stat.mode) === S_IFDIR)
		return writeChangeset(place, sink, { isPlain: true, as, isLeftOut: isOfKernel }).size;
	const output = new TarOutput(sink);
	const type = NODE_TYPES[typeOf(stat.mode)];
	const entry = {
		...plainEntry(as, 0),
		...{ mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: stat.mtimeSeconds },
	};
	if (type === "file") {
		using file = openat2(AT_FDCWD, `/proc/self/fd/${place}`, O_RDONLY);
		output.sparseFile({ ...entry, size: stat.size, xattrs: listXattrsOfOpen(file.number) }, file.number);
	} else if (type !== undefined) {
		const linkpath = typeOf(stat.mode) === S_IFLNK ? readLinkAt(place, "") : entry.linkpath;
		const isDevice = type === "char" || type === "block";
		const device = isDevice ? { devMajor: stat.major, devMinor: stat.minor } : {};
		output.entry({ ...entry, type, linkpath, ...device });
	}
	output.end();
	return type === "file" ? stat.size : 0;
}
