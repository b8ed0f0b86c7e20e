/** Content by digest, exactly as an OCI image layout has it: blobs/sha256/<hex>. */

import type { Paths } from "../paths.ts";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "../sys/fs.ts";
import { ensureBaseLayer } from "./base-layer.ts";
import { hexOf } from "./layers.ts";
import { stagingPath } from "./staging.ts";

export const sha256 = (bytes: Uint8Array | string): string =>
	`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

export const blobPath = (paths: Paths, digest: string): string => `${paths.blobs}/${hexOf(digest)}`;

export const hasBlob = (paths: Paths, digest: string): boolean => existsSync(blobPath(paths, digest));

export const readBlob = (paths: Paths, digest: string): string => readFileSync(blobPath(paths, digest), "utf8");

/** Stores bytes whose digest the caller has verified, or takes it from here. Whole or not at all. */
export function writeBlob(paths: Paths, bytes: Uint8Array): string {
	const digest = sha256(bytes);
	if (hasBlob(paths, digest)) return digest;
	const aside = stagingPath(paths, "blob");
	writeFileSync(aside, bytes);
	renameSync(aside, blobPath(paths, digest));
	return digest;
}

/** Makes the directories that last. */
export function ensureRoot(paths: Paths): void {
	mkdirSync(paths.root, { recursive: true, mode: 0o700 });
	for (const dir of [paths.blobs, paths.layers, paths.staging, paths.volumes, paths.containers]) {
		mkdirSync(dir, { recursive: true, mode: 0o700 });
	}
	ensureBaseLayer(paths);
}

/** Makes the directories that are gone after a boot; the last one says that they are all there. */
export function ensureRun(paths: Paths): void {
	mkdirSync(paths.run, { recursive: true, mode: 0o700 });
	for (const dir of [paths.rootfs, paths.locks, paths.liveNames, `${paths.run}/containers`]) {
		mkdirSync(dir, { recursive: true, mode: 0o700 });
	}
}
