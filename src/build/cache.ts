/**
 * The build cache: what a step makes depends on its instruction, the layers below and its inputs, and on nothing else;
 * the digest of these is its key. Who has the same key takes the layer that is there. A step that two builds come to at
 * once is run by one of them.
 */
import type { Paths } from "../paths.ts";
import {
	findContentHash,
	findResult,
	putContentHashes,
	putResult,
	resultCreated,
	touchResults,
} from "../store/build-cache.ts";
import { type Db, transaction } from "../store/database.ts";
import { hasLayer } from "../store/layers.ts";
import type { Fd } from "../sys/fd.ts";
import { tryLockByte } from "../sys/file.ts";
import { ContentHashes } from "./content-hashes.ts";

/** Keys of other versions of the steps mean other things. */
const VERSION = 1;
const POLL_MS = 10;

export interface CachedLayer {
	readonly diffId: string;
	/** Milliseconds since 1970. */
	readonly created: number;
	readonly cached: boolean;
}

/** Everything a step depends on, as one digest. `parts` may be any JSON. */
export function cacheKey(...parts: readonly unknown[]): string {
	return new Bun.CryptoHasher("sha256").update(JSON.stringify([VERSION, ...parts])).digest("hex");
}

/** The layers below a step, as one digest (image-spec config.md, ChainID, in spirit). */
export const chainOf = (diffIds: readonly string[]): string => cacheKey("chain", diffIds);

export class BuildCache {
	readonly #db: Db;
	readonly #paths: Paths;
	readonly #used = new Set<string>();
	readonly hashes: ContentHashes;

	constructor(db: Db, paths: Paths) {
		this.#db = db;
		this.#paths = paths;
		this.hashes = new ContentHashes({
			load: (key) => findContentHash(db, key),
			save: (entries) => transaction(db, paths, () => putContentHashes(db, entries)),
		});
	}

	find(key: string): CachedLayer | undefined {
		const diffId = findResult(this.#db, key);
		if (diffId === undefined || !hasLayer(this.#paths, diffId)) return undefined;
		this.#used.add(key);
		return { diffId, created: resultCreated(this.#db, key), cached: true };
	}

	/** Finds the layer of `key`, or makes it; `fresh`: doesn't look for one. */
	async findOrMake(
		key: string,
		description: string,
		options: { readonly fresh: boolean },
		make: () => Promise<string>,
	): Promise<CachedLayer> {
		if (!options.fresh) {
			const found = this.find(key);
			if (found) return found;
		}
		using _lock = await this.#lock(key);
		if (!options.fresh) {
			const found = this.find(key); // made by the one we waited for
			if (found) return found;
		}
		const diffId = await make();
		this.remember(key, diffId, description);
		return { diffId, created: resultCreated(this.#db, key), cached: false };
	}

	remember(key: string, diffId: string, description: string): void {
		transaction(this.#db, this.#paths, () => putResult(this.#db, key, diffId, description));
	}

	/** Notes what was used and learned. Called at the end of a build. */
	flush(): void {
		this.hashes.flush();
		if (this.#used.size === 0) return;
		transaction(this.#db, this.#paths, () => touchResults(this.#db, [...this.#used]));
	}

	async #lock(key: string): Promise<Fd> {
		for (;;) {
			const lock = tryLockByte(`${this.#paths.locks}/build-steps`, BigInt(`0x${key.slice(0, 15)}`));
			if (lock) return lock;
			await Bun.sleep(POLL_MS);
		}
	}
}
