/** What /proc tells of one process (proc(5)): numbers as the kernel has them. */
import { readFileSync } from "./fs.ts";

export interface ProcessView {
	readonly pid: number;
	readonly ppid: number;
	readonly pgrp: number;
	readonly session: number;
	/** A device number; 0: none. */
	readonly tty: number;
	/** The terminal's foreground process group. */
	readonly foreground: number;
	/** "R", "S", "D", "Z", "T" … */
	readonly state: string;
	readonly command: string;
	/** Empty: it has none, as a kernel thread or a zombie. */
	readonly args: readonly string[];
	/** Effective. */
	readonly uid: number;
	readonly gid: number;
	/** Clock ticks, of which a second has 100: of user and kernel together, and since the boot. */
	readonly cpuTicks: number;
	readonly startTicks: number;
	readonly nice: number;
	readonly priority: number;
	readonly threads: number;
	readonly lockedKb: number;
	readonly virtualKb: number;
	readonly residentKb: number;
}

/** undefined: it has ended. */
export function viewProcess(pid: number): ProcessView | undefined {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		const status = readFileSync(`/proc/${pid}/status`, "utf8");
		const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
		// The name is in parentheses, and may hold some itself.
		const end = stat.lastIndexOf(")");
		const fields = stat.slice(end + 2).split(" ");
		const number = (index: number): number => Number(fields[index - 3]); // proc(5) counts from 1, two are before
		const ids = (name: string): number => Number(new RegExp(`^${name}:\\t\\d+\\t(\\d+)`, "m").exec(status)?.[1] ?? 0);
		const kb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
		return {
			pid,
			...{ ppid: number(4), pgrp: number(5), session: number(6), tty: number(7), foreground: number(8) },
			state: fields[0] ?? "?",
			command: stat.slice(stat.indexOf("(") + 1, end),
			args,
			...{ uid: ids("Uid"), gid: ids("Gid") },
			...{ cpuTicks: number(14) + number(15), startTicks: number(22) },
			...{ priority: number(18), nice: number(19), threads: number(20) },
			...{ lockedKb: kb("VmLck"), virtualKb: kb("VmSize"), residentKb: kb("VmRSS") },
		};
	} catch {
		return undefined;
	}
}

export interface HostView {
	/** Seconds since the boot, and the moment of it in milliseconds since 1970 (whole seconds, as proc(5) has it). */
	readonly uptime: number;
	readonly bootTime: number;
	readonly memoryKb: number;
}

export function viewHost(): HostView {
	const [uptime = 0] = readFileSync("/proc/uptime", "latin1").split(" ").map(Number);
	const memory = /^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1];
	const bootTime = /^btime (\d+)/m.exec(readFileSync("/proc/stat", "latin1"))?.[1];
	return { uptime, bootTime: Number(bootTime ?? 0) * 1000, memoryKb: Number(memory ?? 0) };
}
