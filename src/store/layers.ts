/**
 * Unpacked layers by DiffID (image-spec config.md), each a directory that is complete or not there: made under a
 * staging name, renamed when everything about it has been verified.
 */

import type { Paths } from "../paths.ts";
import { syscall } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { AT_FDCWD, fstat, openDir, shareLock, tryLockFile } from "../sys/file.ts";
import { existsSync, mkdirSync, renameSync } from "../sys/fs.ts";
import { removeTree } from "../sys/tree.ts";
import { stagingPath } from "./staging.ts";

const RENAME_EXCHANGE = 2;

/** "sha256:<hex>" → "<hex>" */
export const hexOf = (digest: string): string => digest.slice("sha256:".length);

export const layerPath = (paths: Paths, diffId: string): string => `${paths.layers}/${hexOf(diffId)}`;

export const hasLayer = (paths: Paths, diffId: string): boolean => existsSync(layerPath(paths, diffId));

/** An empty directory to unpack a layer in; what a killed pull left there goes. The caller holds the layer's lock. */
export function stageLayer(paths: Paths, diffId: string): string {
	const staged = `${paths.staging}/layer-${hexOf(diffId)}`;
	removeTree(staged);
	mkdirSync(staged, { mode: 0o755 });
	return staged;
}

export function commitLayer(paths: Paths, diffId: string, staged: string): void {
	renameSync(staged, layerPath(paths, diffId));
}

export function removeLayer(paths: Paths, diffId: string): void {
	// Renamed first: a half-removed layer must not look whole to a pull at the same time.
	const doomed = stagingPath(paths, "doomed");
	try {
		renameSync(layerPath(paths, diffId), doomed);
	} catch {
		return;
	}
	removeTree(doomed);
}

/**
 * Puts `fresh` in the place of a layer that is on record, in one step: at no moment is there none (renameat2(2)). What
 * was there is at `fresh` afterwards, and the caller's to remove. The caller has the layer's lock alone.
 */
export function exchangeLayer(paths: Paths, diffId: string, fresh: string): void {
	syscall("renameat2", fresh, AT_FDCWD, fresh, AT_FDCWD, layerPath(paths, diffId), RENAME_EXCHANGE);
}

/**
 * Owner and mode of a directory, for another. An overlay's "/" is what its upperdir is: it has to look like the image's.
 */
export function copyRootAttributes(source: string, target: string): void {
	using from = openDir(source);
	using to = openDir(target);
	const { mode, uid, gid } = fstat(from.number);
	if (uid !== 0 || gid !== 0) syscall("fchown", target, to.number, uid, gid);
	if ((mode & 0o7777) !== 0o755) syscall("fchmod", target, to.number, mode & 0o7777);
}

const POLL_MS = 20;

/**
 * The right to make a layer, among all processes, or, if it is there, the promise that it stays. Polls instead of
 * blocking: a thread that waits can do nothing else.
 */
export async function lockLayer(paths: Paths, diffId: string): Promise<Fd> {
	for (;;) {
		const held = holdLayer(paths, diffId);
		if (held) return held;
		const lock = tryLock(paths, "layer", diffId);
		if (lock && !hasLayer(paths, diffId)) return lock;
		lock?.[Symbol.dispose]();
		await Bun.sleep(POLL_MS);
	}
}

/**
 * A lock of a layer or a blob: alone, the right to make or remove it; shared, the promise that nobody does. undefined
 * while others hold it. Of a layer that is not compressed, digest and DiffID are the same: they are two locks.
 */
export const tryLock = (paths: Paths, kind: "layer" | "blob", digest: string, shared = false): Fd | undefined =>
	tryLockFile(`${paths.locks}/${kind}-${hexOf(digest)}`, shared);

/** The promise that a layer stays, for as long as it is held. undefined: it is not there, or somebody is at it. */
export function holdLayer(paths: Paths, diffId: string): Fd | undefined {
	const lock = tryLock(paths, "layer", diffId, true);
	if (lock && hasLayer(paths, diffId)) return lock;
	lock?.[Symbol.dispose]();
	return undefined;
}

export interface LayerLocks extends Disposable {
	/** Layer and blob are there, and stay; otherwise what is missing is the caller's to make. */
	readonly present: boolean;
	/** From now on others may use them too. */
	share(): void;
}

/**
 * The locks of a layer and of the blob it comes as: shared for what is there, alone for what is to be made. It waits for
 * both or none, and takes what another pull has made meanwhile. What is held alone is being made, and nobody who makes
 * something waits for another lock: so two pulls of the same layers, in whatever order and compressed in whatever way,
 * never wait for each other. Rejects with the reason of `signal` when that comes first.
 */
export const lockLayerAndBlob = (
	paths: Paths,
	diffId: string,
	digest: string,
	signal?: AbortSignal,
): Promise<LayerLocks> =>
	lockAll(
		paths,
		[
			{ kind: "layer", digest: diffId, path: layerPath(paths, diffId) },
			{ kind: "blob", digest, path: `${paths.blobs}/${hexOf(digest)}` },
		],
		signal,
	);

/** The same for a blob whose layer is in hand. */
export const lockBlob = (paths: Paths, digest: string, signal?: AbortSignal): Promise<LayerLocks> =>
	lockAll(paths, [{ kind: "blob", digest, path: `${paths.blobs}/${hexOf(digest)}` }], signal);

interface Lockable {
	readonly kind: "layer" | "blob";
	readonly digest: string;
	readonly path: string;
}

async function lockAll(
	paths: Paths,
	wanted: readonly Lockable[],
	signal: AbortSignal | undefined,
): Promise<LayerLocks> {
	for (;;) {
		signal?.throwIfAborted();
		const locks: Fd[] = [];
		let taken = 0;
		let present = true;
		for (const { kind, digest, path } of wanted) {
			const isThere = existsSync(path);
			const lock = tryLock(paths, kind, digest, isThere);
			if (!lock) break;
			locks.push(lock);
			if (existsSync(path) !== isThere) break; // made, or removed, at this moment
			present &&= isThere;
			taken++;
		}
		const release = () => {
			for (const lock of locks) lock[Symbol.dispose]();
		};
		if (taken === wanted.length) {
			return { present, share: () => locks.forEach(shareLock), [Symbol.dispose]: release };
		}
		release();
		await Bun.sleep(POLL_MS);
	}
}
