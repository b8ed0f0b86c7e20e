/**
 * Reads one file of an image, as the merged tree would show it, without mounting anything: the layers are asked from
 * the top. Where a symbolic link or a mark of overlay is in the way, the merged tree itself is opened.
 */

import { openRootfsView } from "../../image/layer/rootfs-view.ts";
import { ENOENT, trySyscall } from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import {
	O_DIRECTORY,
	O_NOFOLLOW,
	O_PATH,
	O_RDONLY,
	openDir,
	RESOLVE_BENEATH,
	RESOLVE_NO_SYMLINKS,
	readFileInRoot,
	tryOpenat2,
} from "../../sys/file.ts";

const LIMIT = 1024 * 1024;
const PLAIN = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

/** Text of `path` ("etc/passwd", one directory deep); empty if there is none. `directories` are layers, top first. */
export function readImageFile(directories: readonly string[], path: string): string {
	for (const directory of directories) {
		using layer = openDir(directory);
		const fd = tryOpenat2(layer.number, path, O_PATH | O_NOFOLLOW, 0, PLAIN);
		if (fd >= 0) {
			new Fd(fd)[Symbol.dispose]();
			return readFileInRoot(layer.number, path, LIMIT) ?? "";
		}
		if (fd === -ENOENT && !hides(layer.number, path.slice(0, path.indexOf("/")))) continue;
		using merged = openRootfsView(directories);
		return readFileInRoot(merged.number, path, LIMIT) ?? "";
	}
	return "";
}

/** Whether this layer's `name` keeps the ones below from showing: a link, a whiteout, an opaque directory. */
function hides(layer: number, name: string): boolean {
	const fd = tryOpenat2(layer, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, PLAIN);
	if (fd === -ENOENT) return false;
	if (fd < 0) return true;
	using dir = new Fd(fd);
	return trySyscall("fgetxattr", dir.number, "trusted.overlay.opaque", new Uint8Array(1), 1) > 0;
}
