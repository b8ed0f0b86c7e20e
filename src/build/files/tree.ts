/**
 * A directory that COPY and ADD take files from: the build context, the root of a stage or of an image. Everything in it
 * is opened beneath its root with openat2(2): links of a context or an image lead nowhere else.
 */
import { EngineError } from "../../errors.ts";
import { ELOOP, ENOENT, ENOTDIR, SyscallError } from "../../sys/errno.ts";
import { Fd } from "../../sys/fd.ts";
import {
	AT_FDCWD,
	O_DIRECTORY,
	O_NOFOLLOW,
	O_NONBLOCK,
	O_PATH,
	O_RDONLY,
	openat2,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_MAGICLINKS,
	readLinkAt,
	readWhole,
	tryOpenat2,
} from "../../sys/file.ts";
import { namesIn } from "../../sys/fs.ts";
import { type FileStat, S_IFDIR, S_IFREG, statFd, tryStatAt, typeOf } from "../../sys/stat.ts";
import { nameText } from "../../sys/text.ts";
import { listXattrs, listXattrsOf } from "../../sys/xattr.ts";
import { globPattern, hasGlob } from "./glob.ts";
import { IgnoreRules } from "./ignore.ts";
import { contextPath } from "./path.ts";

const IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** One file that is found; good until the walk goes on. */
export interface Found {
	/** Below where the walk began; "" is that itself. */
	readonly path: string;
	readonly stat: FileStat;
	/** Opens it for reading; a link is not followed. */
	open(): Fd;
	/** Where a symbolic link points. */
	target(): Buffer;
	xattrs(): Map<string, Uint8Array>;
}

function foundAt(dir: number, name: Uint8Array, path: string, stat: FileStat): Found {
	return {
		path,
		stat,
		open: () => openat2(dir, name, O_RDONLY | O_NOFOLLOW),
		target: () => readLinkAt(dir, name),
		xattrs: () => listXattrs(dir, name),
	};
}

const MAX_READ = 16 * 1024 * 1024;

export class Tree implements Disposable {
	readonly #root: Fd;
	readonly #ignore: IgnoreRules;
	/** Whether its owners mean something to the image: those of a context are the caller's. */
	readonly keepsOwners: boolean;

	constructor(root: Fd, options: { readonly ignore?: IgnoreRules; readonly keepsOwners: boolean }) {
		this.#root = root;
		this.#ignore = options.ignore ?? new IgnoreRules([]);
		this.keepsOwners = options.keepsOwners;
	}

	get root(): number {
		return this.#root.number;
	}

	/** Paths that a source of COPY names: itself, or what its pattern matches, in order. Throws if there is none. `deep`: "**"
	 * stands for directories too, as with --parents; else it is "*" (Go's filepath.Match). */
	select(source: string, deep = false): string[] {
		const path = contextPath(source);
		if (!hasGlob(path)) {
			using place = this.#open(path);
			if (!place || (path !== "" && this.#hides(path, statFd(place.number)))) throw notFound(path);
			return [path];
		}
		const matches = this.#match("", path.split("/"), deep).sort();
		return matches;
	}

	/** Pattern by pattern, directory by directory: a subtree that cannot match is never read. */
	#match(base: string, patterns: readonly string[], deep: boolean): string[] {
		const [pattern = "", ...rest] = patterns;
		if (pattern === "**" && deep) return this.#matchDeep(base, patterns);
		const compiled = hasGlob(pattern) ? globPattern(pattern) : undefined;
		const names = compiled ? this.#names(base).filter((name) => compiled.test(name)) : [pattern];
		return names.flatMap((name) => {
			const path = base ? `${base}/${name}` : name;
			using place = this.#open(path);
			if (!place) return [];
			const stat = statFd(place.number);
			if (rest.length && typeOf(stat.mode) !== S_IFDIR) return [];
			if (rest.length) return this.#match(path, rest, deep);
			return this.#hides(path, stat) ? [] : [path];
		});
	}

	#matchDeep(base: string, patterns: readonly string[]): string[] {
		const regexp = globPattern(patterns.join("/"));
		const found: string[] = [];
		for (const { path } of this.walk(base, () => false)) if (path && regexp.test(path)) found.push(path);
		return found.map((path) => (base ? `${base}/${path}` : path));
	}

	#names(directory: string): string[] {
		const fd = tryOpenat2(this.root, directory || ".", O_RDONLY | O_DIRECTORY, 0, IN_ROOT);
		if (fd < 0) return [];
		using dir = new Fd(fd);
		return namesIn(dir.number).map(nameText);
	}

	/** Opens for looking at; links are followed inside the root. undefined: not there. */
	#open(path: string): Fd | undefined {
		const fd = tryOpenat2(this.root, path || ".", O_PATH, 0, IN_ROOT);
		if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) return undefined;
		if (fd < 0) throw new SyscallError("openat2", path, -fd);
		return new Fd(fd);
	}

	/** Whether it is there, and no directory. */
	isFile(path: string): boolean {
		using place = this.#open(path);
		return place !== undefined && typeOf(statFd(place.number).mode) !== S_IFDIR;
	}

	#hides(path: string, stat: FileStat): boolean {
		if (!this.#ignore.ignores(path)) return false;
		return !(typeOf(stat.mode) === S_IFDIR && this.#ignore.mayIncludeBelow(path));
	}

	/** Reads a whole file, a plain one of no great size: its content is a stranger's. undefined: not there. */
	read(path: string): Buffer | undefined {
		const fd = tryOpenat2(this.root, path, O_RDONLY | O_NONBLOCK, 0, IN_ROOT);
		if (fd === -ENOENT || fd === -ENOTDIR) return undefined;
		if (fd < 0) throw new SyscallError("openat2", path, -fd);
		using file = new Fd(fd);
		const { mode, size } = statFd(file.number);
		if (typeOf(mode) !== S_IFREG) throw new EngineError("invalid", `/${path} is not a regular file`);
		if (size > MAX_READ)
			throw new EngineError("invalid", `/${path} has ${size} bytes, more than the ${MAX_READ} allowed`);
		return readWhole(file.number);
	}

	/** The file or directory at `base`, through links, and all that is below and not left out, parents first. */
	*walk(base: string, excluded: (path: string) => boolean): Generator<Found> {
		using place = this.#open(base);
		if (!place) throw notFound(base);
		const stat = statFd(place.number);
		if (typeOf(stat.mode) !== S_IFDIR) {
			// Where links have led is known by the descriptor alone; its own link in /proc opens it again.
			const self = `/proc/self/fd/${place.number}`;
			yield {
				path: "",
				stat,
				open: () => openat2(AT_FDCWD, self, O_RDONLY),
				target: () => Buffer.alloc(0),
				xattrs: () => listXattrsOf(place.number),
			};
			return;
		}
		using self = openat2(this.root, base || ".", O_RDONLY | O_DIRECTORY, 0, IN_ROOT);
		yield foundAt(self.number, Buffer.from(".\0"), "", stat);
		yield* this.#below(self.number, base, "", excluded);
	}

	*#below(dir: number, base: string, prefix: string, excluded: (path: string) => boolean): Generator<Found> {
		for (const name of namesIn(dir).sort(Buffer.compare)) {
			const stat = tryStatAt(dir, name);
			if (!stat) continue; // gone since
			const path = prefix + nameText(name);
			const full = base ? `${base}/${path}` : path;
			const directory = typeOf(stat.mode) === S_IFDIR;
			const ignored = this.#ignore.ignores(full);
			if (ignored && !(directory && this.#ignore.mayIncludeBelow(full))) continue;
			if (excluded(path)) continue;
			const found = foundAt(dir, name, path, stat);
			if (!ignored) yield found;
			if (!directory) continue;
			using self = openat2(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			// A directory that is left out comes along with the first file in it that is not.
			let told = !ignored;
			for (const below of this.#below(self.number, base, `${path}/`, excluded)) {
				if (!told) yield found;
				told = true;
				yield below;
			}
		}
	}

	[Symbol.dispose](): void {
		this.#root[Symbol.dispose]();
	}
}

export const notFound = (path: string): EngineError => new EngineError("not-found", `"/${path}": not found`);
