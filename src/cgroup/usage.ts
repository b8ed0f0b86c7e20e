/** What a cgroup has used (cgroup-v2.rst; cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst), as docker computes it. */
import { textIfThere } from "../sys/fs.ts";

export interface Usage {
	/** Nanoseconds of all processors. */
	readonly cpuNs: number;
	/** Bytes, without the page cache that can be dropped at once. */
	readonly memory: number;
	/** Bytes; undefined: as much as there is. */
	readonly memoryLimit: number | undefined;
	/** Bytes read from and written to disks. */
	readonly read: number;
	readonly written: number;
	/** undefined: nobody counts them here. */
	readonly pids: number | undefined;
}

const readControl = (path: string): string => textIfThere(path) ?? "";

/** The number behind a word at the beginning of a line. */
function numberOf(text: string, word: string): number {
	const at = `\n${text}`.indexOf(`\n${word} `);
	return at < 0 ? 0 : Number.parseInt(text.slice(at + word.length + 1), 10);
}
const numberIn = (path: string): number | undefined => {
	const text = readControl(path);
	return /^\d+\n?$/.test(text) ? Number(text) : undefined;
};
const sum = (text: string, pattern: RegExp): number =>
	text === "" ? 0 : [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);

export function usageV2(directory: string): Usage {
	const io = readControl(`${directory}/io.stat`);
	const cache = numberOf(readControl(`${directory}/memory.stat`), "inactive_file");
	return {
		cpuNs: numberOf(readControl(`${directory}/cpu.stat`), "usage_usec") * 1000,
		memory: Math.max(0, (numberIn(`${directory}/memory.current`) ?? 0) - cache),
		memoryLimit: numberIn(`${directory}/memory.max`),
		read: sum(io, /\brbytes=(\d+)/g),
		written: sum(io, /\bwbytes=(\d+)/g),
		pids: numberIn(`${directory}/pids.current`),
	};
}

/** `directoryOf`: the container's cgroup in a controller's tree; undefined: there is no such tree. */
export function usageV1(directoryOf: (controller: string) => string | undefined): Usage {
	const file = (controller: string, name: string): string => `${directoryOf(controller) ?? "/nowhere"}/${name}`;
	const io = readControl(file("blkio", "blkio.throttle.io_service_bytes_recursive"));
	const cache = numberOf(readControl(file("memory", "memory.stat")), "total_inactive_file");
	return {
		cpuNs: numberIn(file("cpuacct", "cpuacct.usage")) ?? 0,
		memory: Math.max(0, (numberIn(file("memory", "memory.usage_in_bytes")) ?? 0) - cache),
		memoryLimit: numberIn(file("memory", "memory.limit_in_bytes")),
		read: sum(io, /^\S+ Read (\d+)/gm),
		written: sum(io, /^\S+ Write (\d+)/gm),
		pids: numberIn(file("pids", "pids.current")),
	};
}
