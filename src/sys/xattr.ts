/** Extended attributes (xattr(7)) of a name in a directory; links are not followed. */
import { EOPNOTSUPP, SyscallError, trySyscall } from "./errno.ts";

const ERANGE = 34;
const ENODATA = 61;

/** The path of a name in an open directory: these calls have no form that takes a descriptor and a name. */
const pathOf = (dir: number, name: Buffer): Buffer =>
	Buffer.concat([Buffer.from(`/proc/self/fd/${dir}/`), name.at(-1) === 0 ? name : Buffer.concat([name, Buffer.of(0)])]);

const names = new Uint8Array(64 * 1024);

/** Attributes by name; a link is not followed. A file system without them has none. */
export const listXattrs = (dir: number, name: Buffer): Map<string, Uint8Array> =>
	list(pathOf(dir, name), "llistxattr", "lgetxattr");

/** The same of an open file. */
export const listXattrsOf = (fd: number): Map<string, Uint8Array> =>
	list(Buffer.from(`/proc/self/fd/${fd}\0`), "listxattr", "getxattr");

function list(path: Buffer, lister: "listxattr" | "llistxattr", getter: "getxattr" | "lgetxattr") {
	const found = new Map<string, Uint8Array>();
	const length = trySyscall(lister, path, names, names.length);
	if (length === 0 || length === -EOPNOTSUPP) return found;
	if (length < 0) throw new SyscallError(lister, path.toString(), -length);
	for (const key of new TextDecoder().decode(names.subarray(0, length)).split("\0").filter(Boolean)) {
		const value = get(path, key, getter);
		if (value) found.set(key, value);
	}
	return found;
}

function get(path: Buffer, key: string, getter: "getxattr" | "lgetxattr"): Uint8Array | undefined {
	for (let size = 256; ; size *= 16) {
		const value = new Uint8Array(size);
		const length = trySyscall(getter, path, key, value, size);
		if (length === -ERANGE && size < 65536) continue;
		if (length === -ENODATA) return undefined;
		if (length < 0) throw new SyscallError(getter, key, -length);
		return value.subarray(0, length);
	}
}

/** Takes an attribute away; that there is none is fine. */
export function removeXattr(dir: number, name: Buffer, key: string): void {
	const result = trySyscall("lremovexattr", pathOf(dir, name), key);
	if (result < 0 && result !== -ENODATA) throw new SyscallError("lremovexattr", key, -result);
}
