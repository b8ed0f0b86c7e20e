/**
 * What a COPY would bring, as one digest: names, kinds, modes, owners and contents, no times (BuildKit's rule: a file
 * that was only touched changes nothing).
 */
import { trySyscall } from "../sys/errno.ts";
import { S_IFLNK, S_IFREG, typeOf } from "../sys/stat.ts";
import type { ContentHashes } from "./content-hashes.ts";
import type { Found, Tree } from "./tree.ts";

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
			hash.update(`${source}\0${found.path}\0${describe(found, tree.keepsOwners, hashes)}\n`);
		}
	}
	return hash.digest("hex");
}

function describe(found: Found, owners: boolean, hashes: ContentHashes): string {
	const { mode, uid, gid, major, minor } = found.stat;
	const who = owners ? `${uid}:${gid}` : "";
	const kind = typeOf(mode);
	const what =
		kind === S_IFREG
			? contentDigest(found, hashes)
			: kind === S_IFLNK
				? found.target().toString("latin1")
				: `${major}:${minor}`;
	const attributes = owners
		? [...found.xattrs()]
				.filter(([name]) => !name.startsWith("trusted.overlay."))
				.map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
		: [];
	return `${mode.toString(8)}\0${who}\0${what}\0${attributes.join("\0")}`;
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
