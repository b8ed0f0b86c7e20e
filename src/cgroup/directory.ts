/** What both drivers do with a cgroup's directory. */
import { EBUSY, ENOENT, ENOTEMPTY, SyscallError } from "../sys/errno.ts";
import { directoriesIn, existsSync, mkdirSync, readFileSync, tryRmdir, writeFileSync } from "../sys/fs.ts";

export function makeDirectory(path: string): void {
	mkdirSync(path, { recursive: true, mode: 0o755 });
}

/** Throws with the code ENOENT when this kernel has no such file: there is nothing to be made (O_CREAT gives EACCES). */
export function writeControl(path: string, value: string): void {
	writeFileSync(path, value, { existing: true });
}

/** The file's text without its last newline; empty when there is none. */
export function readControl(path: string): string {
	try {
		return readFileSync(path, "utf8").trim();
	} catch {
		return "";
	}
}

/** cgroup.kill (Linux 5.14, v2) reaches the cgroups below too; elsewhere one process after the other. */
function killAll(dir: string): void {
	if (existsSync(`${dir}/cgroup.kill`)) {
		writeControl(`${dir}/cgroup.kill`, "1");
		return;
	}
	for (const pid of readPids(dir)) {
		try {
			process.kill(pid, "SIGKILL");
		} catch {
			// gone already
		}
	}
}

/** Those of other pid namespaces are told as 0, which to kill(2) would be our own process group. */
const readPids = (dir: string): number[] =>
	readControl(`${dir}/cgroup.procs`)
		.split("\n")
		.map(Number)
		.filter((pid) => pid > 0);

/** Of a cgroup and those below it. */
export const readProcesses = (path: string): number[] => [
	...readPids(path),
	...listDirectories(path).flatMap((child) => readProcesses(`${path}/${child}`)),
];

const ATTEMPTS = 200;

/**
 * Removes a cgroup and those that the container made below it, and kills what is left in them: EBUSY lasts until the
 * last process is gone. Mostly there is none, and it is one call.
 */
export function removeDirectory(path: string): void {
	for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
		const result = tryRmdir(path);
		if (result === 0 || result === -ENOENT) return;
		// A tree that may not be written says so of what is not there, too (EROFS, EACCES).
		if (result !== -EBUSY && result !== -ENOTEMPTY && !existsSync(path)) return;
		if (result !== -EBUSY && result !== -ENOTEMPTY) throw new SyscallError("unlinkat", path, -result);
		killAll(path);
		for (const entry of listDirectories(path)) removeDirectory(`${path}/${entry}`);
		if (attempt > 2) Bun.sleepSync(5);
	}
}

/** Whether the cgroup or one below has such a file: some are not in the root of all. */
export const hasControl = (root: string, file: string): boolean =>
	existsSync(`${root}/${file}`) || listDirectories(root).some((child) => existsSync(`${root}/${child}/${file}`));

function listDirectories(path: string): string[] {
	try {
		return directoriesIn(path);
	} catch {
		return [];
	}
}
