/**
 * Unpacked layers by DiffID (image-spec config.md), each a directory that is complete or not there: made under a
 * staging name, renamed when everything about it has been verified.
 */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import type { Paths } from "../paths.ts";
import { syscall } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { fstat, openDir, tryLockFile } from "../sys/file.ts";
import { removeTree } from "../sys/tree.ts";

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
	const doomed = `${paths.staging}/doomed-${hexOf(diffId)}-${process.pid}`;
	try {
		renameSync(layerPath(paths, diffId), doomed);
	} catch {
		return;
	}
	removeTree(doomed);
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
 * The right to make a layer, among all processes. It polls instead of blocking, because a pull makes several layers at
 * once: two pulls that block on each other's layers would wait for ever.
 */
export const lockLayer = (paths: Paths, diffId: string): Promise<Fd> => lockDigest(paths, "layer", diffId);

/** The right to store a blob. Of a layer that is not compressed, digest and DiffID are the same: they are two locks. */
export const lockBlob = (paths: Paths, digest: string): Promise<Fd> => lockDigest(paths, "blob", digest);

async function lockDigest(paths: Paths, kind: "layer" | "blob", digest: string): Promise<Fd> {
	for (;;) {
		const lock = tryLockFile(`${paths.locks}/${kind}-${hexOf(digest)}`);
		if (lock) return lock;
		await Bun.sleep(POLL_MS);
	}
}
