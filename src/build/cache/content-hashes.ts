/**
 * Digests of files that have been read before, by what stat(2) says of them. A file is trusted to be the same while its
 * inode, size, and times of change of content and of itself are, and these lie far enough back: one that was changed in
 * the very moment it was read may look the same.
 */
import type { FileStat } from "../../sys/stat.ts";

export interface HashStore {
	load(key: string): string | undefined;
	save(entries: readonly (readonly [key: string, digest: string])[]): void;
}

const SETTLED_NS = 2_000_000_000n;
/** Smaller ones are read as fast as they are looked up. */
export const WORTH_BYTES = 16 * 1024;

export class ContentHashes {
	readonly #store: HashStore;
	readonly #fresh: [string, string][] = [];

	constructor(store: HashStore) {
		this.#store = store;
	}

	get(stat: FileStat): string | undefined {
		return stat.size < WORTH_BYTES ? undefined : this.#store.load(keyOf(stat));
	}

	put(stat: FileStat, digest: string): void {
		const now = BigInt(Date.now()) * 1_000_000n;
		if (stat.size < WORTH_BYTES || now - stat.ctime < SETTLED_NS) return;
		this.#fresh.push([keyOf(stat), digest]);
	}

	/** Keeps what was learned, in one transaction. */
	flush(): void {
		if (this.#fresh.length) this.#store.save(this.#fresh.splice(0));
	}
}

const keyOf = ({ inode, size, mtime, ctime }: FileStat): string => `${inode}:${size}:${mtime}:${ctime}`;
