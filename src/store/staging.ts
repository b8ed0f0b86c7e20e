/**
 * The staging directory: what is being made lies there until it is whole. Its name tells whose it is: a process's, or,
 * of a layer and of a part of a blob that a pull was at (`layer-<hex>`, `blob-<hex>.partial`), whoever has that lock.
 * What a killed command left is nobody's, and goes with the next build, pull or load.
 */

import { messageOf } from "../errors.ts";
import { debug } from "../log.ts";
import type { Paths } from "../paths.ts";
import { mkdirSync, readdirSync } from "../sys/fs.ts";
import { startTime } from "../sys/process.ts";
import { removeTree } from "../sys/tree.ts";

let made = 0;

/** A path of this process alone: "<staging>/<kind>-<pid>-<start time>-<n>". */
export const stagingPath = (paths: Paths, kind: string): string =>
	`${paths.staging}/${kind}-${process.pid}-${startTime(process.pid) ?? 0}-${made++}`;

/** A new directory there. */
export function stagingDirectory(paths: Paths): string {
	const dir = stagingPath(paths, "work");
	mkdirSync(dir, { mode: 0o700 });
	return dir;
}

/** Removes what belongs to processes that are no more; with `kind` only what they had made of that. */
export function sweepAbandoned(paths: Paths, kind = ""): void {
	for (const entry of readdirSync(paths.staging)) {
		if (!entry.startsWith(kind)) continue;
		const [, pid, started] = /-(\d+)-(\d+)-\d+$/.exec(entry) ?? [];
		if (pid === undefined || startTime(Number(pid)) === Number(started)) continue;
		try {
			removeTree(`${paths.staging}/${entry}`);
		} catch (error) {
			debug("staging", () => messageOf(error)); // immutable (chattr(1)): nothing that the caller could help
		}
	}
}
