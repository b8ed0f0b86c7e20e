/**
 * Applies a changeset (image-spec layer.md) to an empty directory, which becomes one overlay lowerdir: whiteouts turn
 * into overlay's own marks. The archive is hostile. No path of it is ever joined to one of the host: a parent is opened
 * beneath the layer's directory with openat2(2) RESOLVE_IN_ROOT, as a process with that root directory would see it,
 * and the last name is never followed.
 */
import { EngineError } from "../../errors.ts";
import { EEXIST, ENOENT, errnoText, SyscallError, syscall, trySyscall } from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import {
	AT_SYMLINK_NOFOLLOW,
	fstat,
	O_CREAT,
	O_DIRECTORY,
	O_EXCL,
	O_NOFOLLOW,
	O_RDONLY,
	O_WRONLY,
	openDir,
	openInRoot,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	tryOpenat2,
	writeAll,
} from "../../sys/file.ts";
import { makedev, S_IFBLK, S_IFCHR, S_IFIFO, setTimes, tryStatAt, typeOf } from "../../sys/stat.ts";
import { removeTreeAt } from "../../sys/tree.ts";
import type { TarEntry } from "../tar/header.ts";
import type { TarSink } from "../tar/reader.ts";
import { checkXattr, chmodNode, isOverlayXattr, openOwn, pathArg, setXattr } from "./entry-node.ts";
import { splitPath } from "./entry-path.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const OPAQUE_XATTR = "trusted.overlay.opaque";
const Y = Uint8Array.of(0x79);
/** More than any image holds; a bomb ends here. */
const MAX_BYTES = 2 ** 40;
/** Bits that the process's umask of 022 leaves as they are. */
const PLAIN_MODE = 0o755;
const S_ISGID = 0o2000;
const IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

const cannotOverwrite = (what: string, name: string, by: string): EngineError =>
	new EngineError("conflict", `cannot overwrite ${what} "${name}" with ${by}`);

export interface WriterOptions {
	/** false: names that begin with ".wh." are names like others: the archive is no layer. */
	readonly whiteouts?: boolean;
	/** The directory is somebody's, not empty: what is a directory there and not in the archive, or the other way round, stays. */
	readonly isMerge?: boolean;
	/** Whose everything becomes; undefined: who the archive says. */
	readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

export class LayerWriter implements TarSink, Disposable {
	readonly #root: Fd;
	readonly #dirTimes = new Map<string, bigint>();
	#file: Fd | undefined;
	#parent: { path: string; fd: Fd; inheritsGroup: boolean } | undefined;
	/** The set-group-ID bit of the root: that it has, or its entry tells. */
	#rootInherits: boolean;
	/** The place of the present entry: the root itself, or #parent. */
	#atRoot = true;
	#bytes = 0;
	/** Where in the file the next write goes. */
	#at = 0;

	readonly #options: WriterOptions;

	constructor(directory: string | number, options: WriterOptions = {}) {
		this.#root = typeof directory === "string" ? openDir(directory) : openOwn(directory, ".");
		this.#rootInherits = (fstat(this.#root.number).mode & S_ISGID) !== 0;
		this.#options = options;
	}

	/** Bytes of the files written so far. */
	get size(): number {
		return this.#bytes;
	}

	entry(entry: TarEntry): void {
		const place = splitPath(entry.path);
		if (!place) {
			if (entry.type === "directory") {
				this.#attributes(this.#root.number, entry);
				this.#rootInherits = (entry.mode & S_ISGID) !== 0;
				this.#dirTimes.set(".", entry.mtime);
			}
			return;
		}
		try {
			this.#place(entry, place.parent, place.name);
		} catch (error) {
			if (!(error instanceof SyscallError)) throw error;
			const shown = Buffer.from(entry.path, "latin1").toString();
			throw new EngineError("failed", `Cannot extract "${shown}": ${errnoText(error.errno)}`, { cause: error });
		}
	}

	#place(entry: TarEntry, parent: string, name: string): void {
		if (name.startsWith(WHITEOUT) && this.#options.whiteouts !== false) {
			this.#whiteout(parent, name);
			return;
		}
		const dir = this.#openParent(parent);
		if (entry.type === "directory") {
			this.#directory(entry, dir, parent, name);
			return;
		}
		if (entry.type !== "file") this.#clear(dir, parent, name);
		switch (entry.type) {
			case "file": {
				const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
				// Almost always there is nothing yet, and its mode is one that no umask changes.
				const mode = entry.mode & PLAIN_MODE;
				let fd = tryOpenat2(dir, pathArg(name), flags, mode, 0);
				if (fd === -EEXIST) {
					this.#clear(dir, parent, name);
					fd = tryOpenat2(dir, pathArg(name), flags, mode, 0);
				}
				if (fd < 0) throw new SyscallError("openat2", name, -fd);
				this.#file = new Fd(fd);
				this.#at = 0;
				this.#bytes += entry.sparse?.size ?? entry.size;
				if (this.#bytes > MAX_BYTES) throw new EngineError("failed", "The archive is too large");
				return;
			}
			case "symlink":
				syscall("symlinkat", name, pathArg(entry.linkpath), dir, pathArg(name));
				this.#nodeAttributes(dir, name, entry, false);
				return;
			case "link":
				this.#hardLink(entry, dir, name);
				return;
			case "fifo":
				syscall("mknodat", name, dir, pathArg(name), S_IFIFO | 0o600, 0);
				break;
			default: {
				const kind = entry.type === "char" ? S_IFCHR : S_IFBLK;
				const { devMajor, devMinor } = entry;
				if (this.#options.owner && this.#options.isMerge) return; // a device of the container's choice is nobody's to have
				// 0/0 is overlay's whiteout: an image has no business making one but by ".wh."
				if (entry.type === "char" && devMajor === 0 && devMinor === 0) return;
				syscall("mknodat", name, dir, pathArg(name), kind | 0o600, makedev(devMajor, devMinor));
			}
		}
		this.#nodeAttributes(dir, name, entry, true);
	}

	data(bytes: Uint8Array, offset: number): void {
		const file = this.#file;
		if (!file) return;
		try {
			if (offset !== this.#at) syscall("lseek", "", file.number, offset, 0); // over a hole
			writeAll(file.number, bytes, "");
			this.#at = offset + bytes.length;
		} catch (error) {
			if (error instanceof SyscallError)
				throw new EngineError("failed", `Cannot write what the archive holds: ${errnoText(error.errno)}`);
			throw error;
		}
	}

	end(entry: TarEntry): void {
		const file = this.#file;
		if (!file) return;
		this.#file = undefined;
		using _close = file;
		if (entry.sparse) syscall("ftruncate", entry.path, file.number, entry.sparse.size);
		this.#attributes(file.number, entry, !this.#inheritsGroup);
	}

	/** Sets the times of the directories, which the files in them have changed. */
	finish(): void {
		for (const [path, mtime] of this.#dirTimes) {
			const fd = tryOpenat2(this.#root.number, pathArg(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, IN_ROOT);
			if (fd < 0) continue; // replaced by a later entry
			using dir = new Fd(fd);
			setTimes(dir.number, null, mtime, 0);
		}
	}

	#directory(entry: TarEntry, dir: number, parent: string, name: string): void {
		let made = trySyscall("mkdirat", dir, pathArg(name), 0o700);
		let covered = false;
		if (made === -EEXIST) {
			const fd = tryOpenat2(dir, pathArg(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
			if (fd >= 0) new Fd(fd)[Symbol.dispose]();
			else {
				if (this.#options.isMerge) throw cannotOverwrite("non-directory", name, "directory");
				covered = this.#isWhiteout(dir, name);
				this.#clear(dir, parent, name);
				made = trySyscall("mkdirat", dir, pathArg(name), 0o700);
			}
		}
		if (made < 0 && made !== -EEXIST) throw new SyscallError("mkdirat", name, -made);
		using self = openOwn(dir, name);
		// The layer removes what was below and puts a directory there: nothing of the old one may shine through.
		if (covered) setXattr(self.number, OPAQUE_XATTR, Y);
		this.#attributes(self.number, entry);
		this.#dirTimes.set(parent ? `${parent}/${name}` : name, entry.mtime);
	}

	/** Overlay's marks: a 0/0 character device hides a name, an attribute hides all that is below a directory. */
	#whiteout(parent: string, name: string): void {
		const dir = this.#openParent(parent);
		if (name === OPAQUE) {
			using self = openOwn(dir, ".");
			setXattr(self.number, OPAQUE_XATTR, Y);
			return;
		}
		const hidden = name.slice(WHITEOUT.length);
		if (hidden === "" || hidden === "." || hidden === "..") {
			throw new EngineError("failed", `The archive's whiteout "${name}" names nothing`);
		}
		if (hidden.startsWith(WHITEOUT)) return; // aufs's own books
		const made = trySyscall("mknodat", dir, pathArg(hidden), S_IFCHR, 0);
		if (made !== -EEXIST) {
			if (made < 0) throw new SyscallError("mknodat", hidden, -made);
			return;
		}
		// The layer itself has something there: that stays, and only what lies below is hidden.
		const fd = tryOpenat2(dir, pathArg(hidden), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
		if (fd < 0) return;
		using self = new Fd(fd);
		setXattr(self.number, OPAQUE_XATTR, Y);
	}

	#isWhiteout(dir: number, name: string): boolean {
		const stat = tryStatAt(dir, pathArg(name));
		return stat !== undefined && typeOf(stat.mode) === S_IFCHR && stat.major === 0 && stat.minor === 0;
	}

	#hardLink(entry: TarEntry, dir: number, name: string): void {
		const target = splitPath(entry.linkpath);
		if (!target) throw new EngineError("failed", `The archive's link "${entry.path}" points at its root`);
		using from = openInRoot(this.#root.number, pathArg(target.parent || "."), O_RDONLY | O_DIRECTORY);
		syscall("linkat", `${entry.path} to ${entry.linkpath}`, from.number, pathArg(target.name), dir, pathArg(name), 0);
	}

	/** The parent directory, made if it is missing. The last one is kept open: archives go directory by directory. */
	#openParent(path: string): number {
		this.#atRoot = path === "";
		if (path === "") return this.#root.number;
		if (this.#parent?.path === path) return this.#parent.fd.number;
		this.#parent?.fd[Symbol.dispose]();
		this.#parent = undefined;
		let fd = tryOpenat2(this.#root.number, pathArg(path), O_RDONLY | O_DIRECTORY, 0, IN_ROOT);
		if (fd === -ENOENT) {
			this.#makeParents(path);
			fd = tryOpenat2(this.#root.number, pathArg(path), O_RDONLY | O_DIRECTORY, 0, IN_ROOT);
		}
		if (fd < 0) throw new SyscallError("openat2", path, -fd);
		this.#parent = { path, fd: new Fd(fd), inheritsGroup: (fstat(fd).mode & S_ISGID) !== 0 };
		return fd;
	}

	#makeParents(path: string): void {
		let done = "";
		for (const part of path.split("/")) {
			using dir = openInRoot(this.#root.number, pathArg(done || "."), O_RDONLY | O_DIRECTORY);
			const made = trySyscall("mkdirat", dir.number, pathArg(part), 0o755);
			if (made < 0 && made !== -EEXIST) throw new SyscallError("mkdirat", part, -made);
			done = done ? `${done}/${part}` : part;
		}
	}

	/** Files made in a directory with the set-group-ID bit get its group. */
	get #inheritsGroup(): boolean {
		return this.#atRoot ? this.#rootInherits : this.#parent?.inheritsGroup === true;
	}

	/** Takes away what an earlier entry put at this name. */
	#clear(dir: number, parent: string, name: string): void {
		const gone = trySyscall("unlinkat", dir, pathArg(name), 0);
		if (gone === 0 || gone === -ENOENT) return;
		if (this.#options.isMerge) throw cannotOverwrite("directory", name, "non-directory");
		// The kept parent may lie in the tree that goes.
		if (this.#parent && this.#parent.path !== parent) {
			this.#parent.fd[Symbol.dispose]();
			this.#parent = undefined;
		}
		removeTreeAt(dir, pathArg(name));
	}

	/** Owner, mode, attributes, time, in this order: chown(2) clears set-user-ID bits and file capabilities. */
	#attributes(fd: number, entry: TarEntry, fresh = false): void {
		// A file that we have just made is root's, with the mode that it was made with.
		const { uid, gid } = this.#options.owner ?? entry;
		const asMade = fresh && uid === 0 && gid === 0 && (entry.mode & ~PLAIN_MODE) === 0;
		if (!asMade) {
			syscall("fchown", entry.path, fd, uid, gid);
			syscall("fchmod", entry.path, fd, this.#modeOf(entry));
		}
		for (const [name, value] of entry.xattrs) if (!isOverlayXattr(name)) setXattr(fd, name, value);
		setTimes(fd, null, entry.mtime, 0);
	}

	/** Rights of another owner are not the new one's: nobody's program becomes root's. */
	#modeOf({ mode, type, uid, gid }: TarEntry): number {
		const { owner } = this.#options;
		const isOther = owner !== undefined && (owner.uid !== uid || owner.gid !== gid);
		return isOther && type !== "directory" ? mode & ~0o6000 : mode;
	}

	/** The same for what has no descriptor: links, devices, fifos. */
	#nodeAttributes(dir: number, name: string, entry: TarEntry, chmod: boolean): void {
		const { uid, gid } = this.#options.owner ?? entry;
		syscall("fchownat", entry.path, dir, pathArg(name), uid, gid, AT_SYMLINK_NOFOLLOW);
		if (chmod) chmodNode(dir, name, this.#modeOf(entry));
		for (const [key, value] of entry.xattrs) {
			if (isOverlayXattr(key)) continue;
			const path = pathArg(`/proc/self/fd/${dir}/${name}`);
			checkXattr(key, trySyscall("lsetxattr", path, key, value.length ? value : null, value.length, 0));
		}
		setTimes(dir, pathArg(name), entry.mtime, AT_SYMLINK_NOFOLLOW);
	}

	[Symbol.dispose](): void {
		this.#file?.[Symbol.dispose]();
		this.#parent?.fd[Symbol.dispose]();
		this.#root[Symbol.dispose]();
	}
}
