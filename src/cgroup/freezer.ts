/** Stopping all processes of a cgroup at once: cgroup.freeze (v2, Linux 5.2), or the freezer of v1 (freezer-subsystem.rst). */
import { EngineError } from "../errors.ts";
import { existsSync } from "../sys/fs.ts";
import { readControl, writeControl } from "./directory.ts";

const PATIENCE_MS = 10_000;

/** In the v2 tree, which hybrid hosts have too. */
export function freezeV2(directory: string, frozen: boolean): void {
	if (!existsSync(`${directory}/cgroup.freeze`)) throw unable();
	writeControl(`${directory}/cgroup.freeze`, frozen ? "1" : "0");
	const wanted = new RegExp(`^frozen ${frozen ? 1 : 0}$`, "m");
	settle(
		() => wanted.test(readControl(`${directory}/cgroup.events`)),
		() => writeControl(`${directory}/cgroup.freeze`, "0"),
	);
}

/** `directory`: in the tree of the freezer; undefined: there is none. */
export function freezeV1(directory: string | undefined, frozen: boolean): void {
	if (directory === undefined || !existsSync(`${directory}/freezer.state`)) throw unable();
	const wanted = frozen ? "FROZEN" : "THAWED";
	writeControl(`${directory}/freezer.state`, wanted);
	settle(
		() => {
			const state = readControl(`${directory}/freezer.state`);
			if (state === wanted) return true;
			// A process that was forked meanwhile may have been missed.
			if (frozen) writeControl(`${directory}/freezer.state`, wanted);
			return false;
		},
		() => writeControl(`${directory}/freezer.state`, "THAWED"),
	);
}

/** A process in the kernel (on a disk that does not answer) stops when it comes back. */
function settle(isDone: () => boolean, undo: () => void): void {
	const end = performance.now() + PATIENCE_MS;
	while (!isDone()) {
		if (performance.now() > end) {
			undo();
			throw new EngineError("failed", "a process waits in the kernel and cannot be stopped: try again");
		}
		Bun.sleepSync(1);
	}
}

const unable = (): EngineError =>
	new EngineError("unsupported", "this host has no freezer: it needs a cgroup v2 tree (Linux 5.2), or v1's freezer");
