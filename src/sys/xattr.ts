/** Extended attributes (xattr(7)) of a name in a directory; links are not followed. */
import { EOPNOTSUPP, SyscallError, trySyscall } from "./errno.ts";
import { fromUtf8 } from "./text.ts";

const ERANGE = 34;
const ENODATA = 61;

/** The path of a name in an open directory: these calls have no form that takes a descriptor and a name. */
const pathOf = (dir: number, name: Uint8Array): Buffer =>
	Buffer.concat([Buffer.from(`/proc/self/fd/${dir}/`), name, Buffer.of(0)]);

const names = new Uint8Array(64 * 1024);

/** Attributes by name; a link is not followed. A file system without them has none. */
export function listXattrs(dir: number, name: Uint8Array): Map<string, Uint8Array> {
	const path = pathOf(dir, name);
	return list(
		() => trySyscall("llistxattr", path, names, names.length),
		(key, value) => trySyscall("lgetxattr", path, key, value, value.length),
	);
}

/** The same of an open file, which may be open as a mere place (O_PATH). */
export function listXattrsOf(fd: number): Map<string, Uint8Array> {
	const path = `/proc/self/fd/${fd}`;
	return list(
		() => trySyscall("listxattr", path, names, names.length),
		(key, value) => trySyscall("getxattr", path, key, value, value.length),
	);
}

/** The same of a file that is open for reading. */
export function listXattrsOfOpen(fd: number): Map<string, Uint8Array> {
	return list(
		() => trySyscall("flistxattr", fd, names, names.length),
		(key, value) => trySyscall("fgetxattr", fd, key, value, value.length),
	);
}

type Get = (key: string, value: Uint8Array) => number;

function list(lister: () => number, get: Get): Map<string, Uint8Array> {
	const found = new Map<string, Uint8Array>();
	const length = lister();
	if (length === 0 || length === -EOPNOTSUPP) return found;
	if (length < 0) throw new SyscallError("listxattr", "", -length);
	for (const key of fromUtf8(names.subarray(0, length)).split("\0")) {
		const value = key && attribute(key, get);
		if (value) found.set(key, value);
	}
	return found;
}

function attribute(key: string, get: Get): Uint8Array | undefined {
	for (let size = 256; ; size *= 16) {
		const value = new Uint8Array(size);
		const length = get(key, value);
		if (length === -ERANGE && size < 65536) continue;
		if (length === -ENODATA) return undefined;
		if (length < 0) throw new SyscallError("getxattr", key, -length);
		return value.subarray(0, length);
	}
}

/** Takes an attribute away; that there is none is fine. */
export function removeXattr(dir: number, name: Uint8Array, key: string): void {
	const result = trySyscall("lremovexattr", pathOf(dir, name), key);
	if (result < 0 && result !== -ENODATA) throw new SyscallError("lremovexattr", key, -result);
}
