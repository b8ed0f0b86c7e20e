/** What an archive's entry becomes on the disk: by descriptors, and never through a link. */
import { ELOOP, EOPNOTSUPP, EPERM, SyscallError, syscall, trySyscall } from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import { AT_FDCWD, fstat, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, tryOpenat2 } from "../../sys/file.ts";
import { S_IFLNK, typeOf } from "../../sys/stat.ts";

/** Names of an archive are bytes, one a character here; as system calls take them. */
export const pathArg = (name: string): string | Buffer =>
	/[^\x00-\x7f]/.test(name) ? Buffer.from(`${name}\0`, "latin1") : name;

/** fchmodat(2) follows a link, which somebody may have put there since: this one goes to what is open. */
export function chmodNode(dir: number, name: string, mode: number): void {
	const fd = tryOpenat2(dir, pathArg(name), O_PATH | O_NOFOLLOW, 0, 0);
	if (fd < 0) throw new SyscallError("openat2", name, -fd);
	using node = new Fd(fd);
	if (typeOf(fstat(node.number).mode) === S_IFLNK) throw new SyscallError("fchmodat", name, ELOOP);
	syscall("fchmodat", name, AT_FDCWD, `/proc/self/fd/${node.number}`, mode);
}

/** A directory by its own name, never through a link. */
export function openOwn(dir: number, name: string): Fd {
	const fd = tryOpenat2(dir, pathArg(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (fd < 0) throw new SyscallError("openat2", name, -fd);
	return new Fd(fd);
}

/** overlay keeps its books in these; an image that could write them could make other layers appear or vanish. */
export const isOverlayXattr = (name: string): boolean =>
	name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.");

export function setXattr(fd: number, name: string, value: Uint8Array): void {
	checkXattr(name, trySyscall("fsetxattr", fd, name, value.length ? value : null, value.length, 0));
}

/** A file system without such attributes loses them, as with docker; anything else is an error. */
export function checkXattr(name: string, result: number): void {
	if (result >= 0 || result === -EOPNOTSUPP) return;
	if (result === -EPERM && name.startsWith("user.")) return; // not on links and devices
	throw new SyscallError("setxattr", name, -result);
}
