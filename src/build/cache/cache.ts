/**
 * The build cache: what a step makes depends on its instruction, the layers below and its inputs, and on nothing else;
 * the digest of these is its key. Who has the same key takes the layer that is there. A step that two builds come to at
 * once is run by one of them.
 */
import type { Paths } from "../../paths.ts";
import { findContentHash, findResult, putContentHashes, putResult, touchResults } from "../../store/build-cache.ts";
import { type Db, transaction } from "../../store/database.ts";
import { holdLayer } from "../../store/layers.ts";
import type { Fd } from "../../sys/fd.ts";
import { tryLockByte } from "../../sys/file.ts";
import type { CacheRecord } from "./cache-document.ts";
import { ContentHashes } from "./content-hashes.ts";

/** Keys of other versions of the steps mean other things. */
const VERSION = 2;
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

/** Results that somebody else has made (--cache-from). */
export interface CacheSource {
	/** Brings the layer of this step here, if the source has one. */
	fetch(key: string): Promise<CacheRecord | undefined>;
}

export class BuildCache {
	readonly #db: Db;
	readonly #paths: Paths;
	readonly #sources: readonly CacheSource[];
	/** What this build has used and made. */
	readonly #records = new Map<string, CacheRecord>();
	/** Locks of layers: nobody takes away what the build stands on, until what it made is recorded. */
	readonly #held: DisposableStack;
	readonly #heldLayers = new Set<string>();
	readonly hashes: ContentHashes;

	constructor(db: Db, paths: Paths, sources: readonly CacheSource[], held: DisposableStack) {
		this.#db = db;
		this.#paths = paths;
		this.#sources = sources;
		this.#held = held;
		this.hashes = new ContentHashes({
			load: (key) => findContentHash(db, key),
			save: (entries) => transaction(db, paths, () => putContentHashes(db, entries)),
		});
	}

	get records(): CacheRecord[] {
		return [...this.#records.values()];
	}

	/** Keeps a layer from being removed; returns whether it is there. */
	hold(diffId: string): boolean {
		if (this.#heldLayers.has(diffId)) return true;
		const lock = holdLayer(this.#paths, diffId);
		if (!lock) return false;
		this.#held.use(lock);
		this.#heldLayers.add(diffId);
		return true;
	}

	/** Here, or where others have put theirs. */
	async find(key: string): Promise<CachedLayer | undefined> {
		return this.#findHere(key) ?? (await this.#import(key));
	}

	/** Finds the layer of `key`, or makes it. */
	async findOrMake(key: string, description: string, make: () => Promise<string>): Promise<CachedLayer> {
		const here = this.#findHere(key);
		if (here) return here;
		using _lock = await this.#lock(key);
		const found = await this.find(key); // made by the one we waited for, or by others
		if (found) return found;
		const record = { key, diffId: await make(), created: Date.now(), description };
		this.remember(record);
		return { diffId: record.diffId, created: record.created, cached: false };
	}

	/** Notes what was used and learned. Called at the end of a build. */
	flush(): void {
		this.hashes.flush();
		if (this.#records.size === 0) return;
		transaction(this.#db, this.#paths, () => touchResults(this.#db, [...this.#records.keys()]));
	}

	async #import(key: string): Promise<CachedLayer | undefined> {
		for (const source of this.#sources) {
			const record = await source.fetch(key);
			if (!record || !this.hold(record.diffId)) continue;
			this.remember(record);
			return { diffId: record.diffId, created: record.created, cached: true };
		}
		return undefined;
	}

	#findHere(key: string): CachedLayer | undefined {
		const result = findResult(this.#db, key);
		if (!result || !this.hold(result.diffId)) return undefined;
		const { diffId, created, description } = result;
		this.#records.set(key, { key, diffId, created, description });
		return { diffId, created, cached: true };
	}

	remember({ key, diffId, created, description }: CacheRecord): void {
		const record = { key, diffId, created, description };
		transaction(this.#db, this.#paths, () => putResult(this.#db, record));
		this.#records.set(key, record);
		this.hold(diffId);
	}

	async #lock(key: string): Promise<Fd> {
		for (;;) {
			const lock = tryLockByte(`${this.#paths.locks}/build-steps`, BigInt(`0x${key.slice(0, 15)}`));
			if (lock) return lock;
			await Bun.sleep(POLL_MS);
		}
	}
}
