/**
 * Putting files into a root file system that is being built: an overlay of the layers below and the new one, attached
 * nowhere. Every destination is resolved in it as a process with that root would see it; the last name is replaced, not
 * followed.
 */
import { EngineError } from "../../errors.ts";
import { copyContent } from "../../sys/copy-tree.ts";
import {
	EEXIST,
	EISDIR,
	ELOOP,
	ENOENT,
	ENOTDIR,
	EPERM,
	errnoText,
	SyscallError,
	syscall,
	trySyscall,
} from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import {
	AT_SYMLINK_NOFOLLOW,
	O_CREAT,
	O_DIRECTORY,
	O_EXCL,
	O_NOFOLLOW,
	O_PATH,
	O_RDONLY,
	O_WRONLY,
	openat2,
	openInRoot,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	tryOpenat2,
	tryReadLinkAt,
	writeAll,
} from "../../sys/file.ts";
import {
	type FileStat,
	makedev,
	S_IFDIR,
	S_IFLNK,
	S_IFREG,
	S_IFSOCK,
	setTime,
	setTimes,
	typeOf,
} from "../../sys/stat.ts";
import { modeOf, ownerOf, type PlaceOptions, takeOver } from "./attributes.ts";
import { baseName, dirName } from "./path.ts";
import type { Found } from "./tree.ts";

/** As the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40;
const IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

export class Destination implements Disposable {
	readonly #root: number;
	readonly #options: PlaceOptions;
	/** First names of files that have several, among those copied together. */
	readonly #linked = new Map<string, string>();
	readonly #dirTimes = new Map<string, FileStat>();
	/** The directory that the last file was put into: the next one most often goes there too. */
	#parent: { readonly path: string; readonly fd: Fd } | undefined;

	constructor(root: number, options: PlaceOptions) {
		this.#root = root;
		this.#options = options;
	}

	isDirectory(path: string): boolean {
		const fd = tryOpenat2(this.#root, path, O_PATH | O_DIRECTORY, 0, IN_ROOT);
		if (fd < 0) return false;
		new Fd(fd)[Symbol.dispose]();
		return true;
	}

	/** Makes a directory and those above it, 0755, owned by --chown's user or root. Those that are there stay. */
	ensureDirectory(path: string): void {
		let done = "/";
		for (const part of path.split("/").filter(Boolean)) {
			const next = done === "/" ? `/${part}` : `${done}/${part}`;
			const there = tryOpenat2(this.#root, next, O_PATH | O_DIRECTORY, 0, IN_ROOT);
			if (there >= 0) new Fd(there)[Symbol.dispose]();
			else if (there === -ENOENT) this.#makeDirectory(done, part, next);
			else throw new EngineError("failed", `cannot make directory ${next}: ${errnoText(-there)}`);
			done = next;
		}
	}

	#makeDirectory(parent: string, name: string, path: string): void {
		const target = this.follow(path);
		if (target !== path) {
			this.ensureDirectory(target); // a link that leads to nothing yet
			return;
		}
		using dir = openInRoot(this.#root, parent, O_RDONLY | O_DIRECTORY);
		syscall("mkdirat", `${parent}/${name}`, dir.number, name, 0o755);
		using made = openat2(dir.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		syscall("fchmod", name, made.number, 0o755);
		const { owner } = this.#options;
		if (owner) syscall("fchown", name, made.number, owner.uid, owner.gid);
	}

	/** Where the links at `path` lead inside the root, to something or to nothing yet; the directory above is made. */
	follow(path: string): string {
		for (let i = 0, at = path; i < MAX_LINKS; i++) {
			const above = dirName(at) || "/";
			this.ensureDirectory(above);
			using parent = openInRoot(this.#root, above, O_PATH | O_DIRECTORY);
			const target = tryReadLinkAt(parent.number, baseName(at))?.toString().replace(/\/+$/, "");
			if (target === undefined) return at;
			at = target.startsWith("/") ? target : `${above === "/" ? "" : above}/${target}`;
			if (/(^|\/)\.\.?$/.test(at) || at === "") return at || "/";
		}
		throw new EngineError("failed", `${path}: ${errnoText(ELOOP)}`);
	}

	/** Puts one file of a walk at `path`. The directory above it exists. */
	put(found: Found, path: string): void {
		const kind = typeOf(found.stat.mode);
		if (kind === S_IFSOCK) return;
		const parent = this.#parentOf(path);
		const name = baseName(path);
		if (kind === S_IFDIR) {
			this.#putDirectory(found, parent.number, name, path);
			return;
		}
		const first = found.stat.links > 1 ? this.#linked.get(found.stat.inode) : undefined;
		if (kind === S_IFREG && first === undefined) {
			if (found.stat.links > 1) this.#linked.set(found.stat.inode, path);
			this.#putFile(found, parent.number, name, path);
			return;
		}
		clear(parent.number, name, path);
		if (first !== undefined) {
			using from = openInRoot(this.#root, dirName(first) || "/", O_RDONLY | O_DIRECTORY);
			syscall("linkat", path, from.number, baseName(first), parent.number, name, 0);
			return;
		}
		if (found.stat.links > 1) this.#linked.set(found.stat.inode, path);
		this.#putNode(found, parent.number, name, kind);
	}

	#parentOf(path: string): Fd {
		const directory = dirName(path) || "/";
		if (this.#parent?.path === directory) return this.#parent.fd;
		this[Symbol.dispose]();
		const fd = openInRoot(this.#root, directory, O_RDONLY | O_DIRECTORY);
		this.#parent = { path: directory, fd };
		return fd;
	}

	[Symbol.dispose](): void {
		this.#parent?.fd[Symbol.dispose]();
		this.#parent = undefined;
	}

	/** A directory that exists takes over mode and owner of the one that is copied onto it. */
	#putDirectory(found: Found, parent: number, name: string, path: string): void {
		const made = trySyscall("mkdirat", parent, name, 0o700);
		if (made < 0 && made !== -EEXIST) throw new SyscallError("mkdirat", path, -made);
		const fd = tryOpenat2(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
		if (fd === -ENOTDIR || fd === -ELOOP) throw new EngineError("failed", `cannot copy to non-directory: ${path}`);
		if (fd < 0) throw new SyscallError("openat2", path, -fd);
		using self = new Fd(fd);
		takeOver(self.number, found, this.#options);
		this.#dirTimes.set(path, found.stat);
	}

	/** An empty or a small file that comes from no tree. */
	write(content: Uint8Array, path: string, mode: number, mtime: bigint): void {
		using parent = openInRoot(this.#root, dirName(path) || "/", O_RDONLY | O_DIRECTORY);
		clear(parent.number, baseName(path), path);
		using file = openat2(parent.number, baseName(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
		writeAll(file.number, content, path);
		const { uid, gid } = this.#options.owner ?? { uid: 0, gid: 0 };
		syscall("fchown", path, file.number, uid, gid);
		syscall("fchmod", path, file.number, modeOf(S_IFREG | mode, this.#options));
		setTimes(file.number, null, mtime);
	}

	/** Sets the times of the directories that were copied, which the files in them have changed. */
	finish(): void {
		for (const [path, stat] of this.#dirTimes) {
			using dir = openInRoot(this.#root, path, O_RDONLY | O_DIRECTORY);
			setTime(dir.number, null, stat);
		}
	}

	#putFile(found: Found, parent: number, name: string, path: string): void {
		using source = found.open();
		const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
		const made = tryOpenat2(parent, name, flags, 0o600, 0);
		if (made < 0 && made !== -EEXIST) throw new SyscallError("openat2", path, -made);
		if (made < 0) clear(parent, name, path); // most often there is nothing
		using target = made < 0 ? openat2(parent, name, flags, 0o600) : new Fd(made);
		copyContent(source.number, target.number, found.stat.size);
		takeOver(target.number, found, this.#options);
	}

	#putNode(found: Found, parent: number, name: string, kind: number): void {
		const { mode, major, minor } = found.stat;
		if (kind === S_IFLNK) {
			syscall("symlinkat", name, Buffer.concat([found.target(), Buffer.of(0)]), parent, name);
		} else {
			syscall("mknodat", name, parent, name, mode, makedev(major, minor));
			syscall("fchmodat", name, parent, name, modeOf(mode, this.#options));
		}
		const { uid, gid } = ownerOf(found, this.#options);
		syscall("fchownat", name, parent, name, uid, gid, AT_SYMLINK_NOFOLLOW);
		setTime(parent, name, found.stat, AT_SYMLINK_NOFOLLOW);
	}
}

/** Takes away what is at a name, unless it is a directory: a file doesn't replace one. */
function clear(dir: number, name: string, path: string): void {
	const gone = trySyscall("unlinkat", dir, name, 0);
	if (gone === -EISDIR || gone === -EPERM) throw new EngineError("failed", `cannot copy to directory: ${path}`);
	if (gone < 0 && gone !== -ENOENT) throw new SyscallError("unlinkat", path, -gone);
}
