/**
 * The lowest layer of every container: what must be there to mount on, where an image lacks it. Without it init would
 * make these files in the container's own layer, and a copy of /etc with them; docker has a layer for the same, above
 * the image. Here it lies below: what the image has, wins.
 */

import type { Paths } from "../paths.ts";
import { syscall } from "../sys/errno.ts";
import { AT_FDCWD } from "../sys/file.ts";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "../sys/fs.ts";
import { stagingPath } from "./staging.ts";

const DIRECTORIES = ["dev", "etc", "proc", "sys"];
/** Programs look for .dockerenv to know where they are. */
const FILES = [".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf"];

/** Makes it, whole or not at all, and an empty one. */
export function ensureBaseLayer(paths: Paths): void {
	mkdirSync(paths.emptyLayer, { recursive: true, mode: 0o755 });
	if (existsSync(paths.baseLayer)) return;
	const aside = stagingPath(paths, "base");
	mkdirSync(aside, { mode: 0o755 });
	for (const dir of DIRECTORIES) mkdirSync(`${aside}/${dir}`, { mode: 0o755 });
	for (const file of FILES) writeFileSync(`${aside}/${file}`, "", { mode: 0o755 });
	syscall("symlinkat", "mtab", "/proc/mounts", AT_FDCWD, `${aside}/etc/mtab`);
	try {
		renameSync(aside, paths.baseLayer);
	} catch (error) {
		if (!existsSync(paths.baseLayer)) throw error; // another command was faster
	}
}
