/**
 * What a COPY would bring, as one digest: names, kinds, modes, owners and contents, no times (BuildKit's rule: a file
 * that was only touched changes nothing).
 */
import { SyscallError, trySyscall } from "../../sys/errno.ts";
import { S_IFLNK, S_IFREG, typeOf } from "../../sys/stat.ts";
import { isKept } from "../files/attributes.ts";
import type { Found, Tree } from "../files/tree.ts";
import { type ContentHashes, WORTH_BYTES } from "./content-hashes.ts";

const CHUNK = 1024 * 1024;
const buffer = Buffer.allocUnsafe(CHUNK);

/** Of `sources`, paths in the tree, below which `excluded` decides what is left out. */
export function digestSources(
	tree: Tree,
	sources: readonly string[],
	excluded: (path: string) => boolean,
	hashes: ContentHashes,
): string {
	const hash = new Bun.CryptoHasher("sha256");
	for (const source of sources) {
		for (const found of tree.walk(source, excluded)) {
			const small = isSmall(found);
			const what = small ? `${found.stat.size} bytes` : contentOf(found, hashes);
			hash.update(`${source}\0${found.path}\0${describe(found, tree.keepsOwners)}\0${what}\n`);
			if (small) addContent(found, hash);
		}
	}
	return hash.digest("hex");
}

function describe(found: Found, owners: boolean): string {
	const { mode, uid, gid } = found.stat;
	const attributes = [...found.xattrs()]
		.filter(([name]) => isKept(name))
		.map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`);
	return `${mode.toString(8)}\0${owners ? `${uid}:${gid}` : ""}\0${attributes.join("\0")}`;
}

/** Its content goes into the digest itself, for a digest of its own would take longer than it. */
const isSmall = ({ stat }: Found): boolean => typeOf(stat.mode) === S_IFREG && stat.size < WORTH_BYTES;

/**
 * As many bytes as were announced, for what comes next in the digest must not be taken for content: zeros where a file has
 * become shorter meanwhile.
 */
function addContent(found: Found, hash: Bun.CryptoHasher): void {
	const { size } = found.stat;
	using file = found.open();
	for (let left = size; left > 0; ) {
		const n = trySyscall("read", file.number, buffer, left);
		if (n < 0) throw new SyscallError("read", found.path, -n);
		hash.update(n === 0 ? Buffer.alloc(left) : buffer.subarray(0, n));
		left -= n === 0 ? left : n;
	}
}

function contentOf(found: Found, hashes: ContentHashes): string {
	const { mode, major, minor } = found.stat;
	if (typeOf(mode) === S_IFREG) return contentDigest(found, hashes);
	return typeOf(mode) === S_IFLNK ? found.target().toString("latin1") : `${major}:${minor}`;
}

/** A file that has not changed since it was last read need not be read again. */
function contentDigest(found: Found, hashes: ContentHashes): string {
	const known = hashes.get(found.stat);
	if (known) return known;
	const hash = new Bun.CryptoHasher("sha256");
	using file = found.open();
	for (;;) {
		const n = trySyscall("read", file.number, buffer, CHUNK);
		if (n <= 0) break;
		hash.update(buffer.subarray(0, n));
	}
	const digest = hash.digest("hex");
	hashes.put(found.stat, digest);
	return digest;
}
