/**
 * `RUN --mount` as operations of the plan. Trees and secrets are prepared in a scratch tmpfs that only the step's mount
 * namespace has, and bound from there: the host never sees them, and nothing is left when the step ends.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { cleanPath } from "../../build/files/path.ts";
import type { StepMount } from "../../build/session/host.ts";
import { bindOptions } from "../../runtime/mounts.ts";
import { type Operation, op } from "../../runtime/operations.ts";
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID } from "../../sys/mount.ts";
import { treeMount } from "../plan/tree-mount.ts";

export function stepMounts(mounts: readonly StepMount[], scratch: string): Operation[] {
	if (mounts.length === 0) return [];
	return [op.scratch(scratch), ...mounts.flatMap((mount, i) => stepMount(mount, `${scratch}/${i}`))];
}

function stepMount(mount: StepMount, place: string): Operation[] {
	const { target } = mount;
	const why = `RUN --mount=type=${NAMES[mount.kind]}`;
	switch (mount.kind) {
		case "tree": {
			return treeMount(mount, place, why);
		}
		case "directory": {
			const flags = bindOptions(["rprivate", mount.readonly ? "ro" : "rw"]);
			return [op.mkdir(target, 0o755, "a place to mount on"), op.bind(mount.path, target, flags, why)];
		}
		case "tmpfs": {
			const options = ["mode=1777", ...(mount.size === undefined ? [] : [`size=${mount.size}`])];
			return [
				op.mkdir(target, 0o755, "a place to mount on"),
				op.mount("tmpfs", target, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, options, why, true),
			];
		}
		case "secret":
			return [
				op.scratchFile(place, mount.content, mount),
				op.touch(target, 0o644, "a file to mount on"),
				op.bind(place, target, bindOptions(["rprivate", "ro"]), why),
			];
		case "socket":
			return [
				op.touch(target, 0o644, "a file to mount on"),
				op.bind(mount.path, target, bindOptions(["rprivate"]), why),
			];
	}
}

const NAMES: Readonly<Record<StepMount["kind"], string>> = {
	tree: "bind",
	directory: "cache",
	tmpfs: "tmpfs",
	secret: "secret",
	socket: "ssh",
};

/** A directory that holds, empty, what the mounts are put on. Returns its path. */
export function stubDirectory(parent: string, mounts: readonly StepMount[]): string {
	const stubs = `${parent}/stubs`;
	mkdirSync(stubs, { recursive: true, mode: 0o755 });
	for (const mount of mounts) {
		// A target is text of a Dockerfile; the directory is ours, and has no links.
		const path = `${stubs}${cleanPath(mount.target)}`;
		const file = mount.kind === "secret" || mount.kind === "socket" || (mount.kind === "tree" && mount.file);
		mkdirSync(file ? dirname(path) : path, { recursive: true, mode: 0o755 });
		if (file) writeFileSync(path, "", { flag: "a", mode: 0o644 });
	}
	return stubs;
}
