/** The columns of ps(1), by the names that procps knows, and what its options stand for. Pure. */
import type { HostView, ProcessView } from "../../sys/process-view.ts";

export interface Names {
	readonly user: (uid: number) => string;
	readonly group: (gid: number) => string;
}

type Cell = (process: ProcessView, host: HostView, names: Names) => string;

interface Column {
	readonly title: string;
	readonly cell: Cell;
}

const TICKS = 100;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number): string => String(value).padStart(2, "0");

const elapsed = ({ startTicks }: ProcessView, { uptime }: HostView): number =>
	Math.max(0, Math.floor(uptime - startTicks / TICKS));
const started = ({ startTicks }: ProcessView, { bootTime }: HostView): Date =>
	new Date(bootTime + (startTicks / TICKS) * 1000);
const clock = (date: Date): string => `${two(date.getHours())}:${two(date.getMinutes())}`;
const day = (date: Date): string => `${MONTHS[date.getMonth()]}${two(date.getDate())}`;

/** "[DD-]HH:MM:SS", and without hours where there are none. */
function span(seconds: number, withHours: boolean): string {
	const days = Math.floor(seconds / 86_400);
	const hours = Math.floor(seconds / 3600) % 24;
	const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
	if (days) return `${days}-${two(hours)}:${rest}`;
	return hours || withHours ? `${two(hours)}:${rest}` : rest;
}

const cpuSeconds = ({ cpuTicks }: ProcessView): number => Math.floor(cpuTicks / TICKS);
const cpuPercent = (process: ProcessView, host: HostView): number =>
	Math.min((process.cpuTicks / Math.max(1, host.uptime * TICKS - process.startTicks)) * 100, 99.9 * process.threads);

function startedShort(process: ProcessView, host: HostView): string {
	const [then, now] = [started(process, host), new Date()];
	if (then.getFullYear() !== now.getFullYear()) return String(then.getFullYear());
	return then.getMonth() === now.getMonth() && then.getDate() === now.getDate() ? clock(then) : day(then);
}

/** Major number 136 is the first of those of pseudo-terminals (devices.txt). */
function terminal({ tty }: ProcessView): string {
	const major = (tty >> 8) & 0xfff;
	const minor = (tty & 0xff) | ((tty >> 12) & 0xfff00);
	if (tty === 0) return "?";
	return major >= 136 && major <= 143 ? `pts/${minor}` : major === 4 ? `tty${minor}` : "?";
}

function states(process: ProcessView): string {
	const { state, nice, lockedKb, session, pid, threads, foreground, pgrp } = process;
	return [
		state,
		nice < 0 ? "<" : nice > 0 ? "N" : "",
		lockedKb ? "L" : "",
		session === pid ? "s" : "",
		threads > 1 ? "l" : "",
		foreground === pgrp ? "+" : "",
	].join("");
}

const commandLine = ({ args, command, state }: ProcessView): string =>
	args.length ? args.join(" ") : state === "Z" ? `[${command}] <defunct>` : `[${command}]`;

const column = (title: string, cell: Cell): Column => ({ title, cell });
const user = column("USER", ({ uid }, _, names) => names.user(uid));
const args = (title: string) => column(title, commandLine);
const tty = (title: string) => column(title, terminal);
const time = column("TIME", (process) => span(cpuSeconds(process), true));
const group = column("GROUP", ({ gid }, _, names) => names.group(gid));
const virtual = column("VSZ", (process) => String(process.virtualKb));
const resident = column("RSS", (process) => String(process.residentKb));
const threads = column("NLWP", (process) => String(process.threads));
const nice = column("NI", (process) => String(process.nice));
const cpu = column("%CPU", (process, host) => cpuPercent(process, host).toFixed(1));
const memory = column("%MEM", ({ residentKb }, host) => ((residentKb * 100) / host.memoryKb).toFixed(1));
const state = column("S", (process) => process.state);
const session = (title: string) => column(title, (process) => String(process.session));
const pgrp = column("PGID", (process) => String(process.pgrp));
const comm = column("COMMAND", ({ command, state: now }) => (now === "Z" ? `${command} <defunct>` : command));
const uid = (title: string) => column(title, (process) => String(process.uid));

const COLUMNS: Readonly<Record<string, Column>> = {
	pid: column("PID", ({ pid }) => String(pid)),
	ppid: column("PPID", ({ ppid }) => String(ppid)),
	...{ pgid: pgrp, pgrp, sid: session("SID"), sess: session("SESS"), session: session("SESS") },
	...{ uid: uid("UID"), euid: uid("EUID"), user, uname: user, euser: { ...user, title: "EUSER" } },
	...{ gid: column("GID", ({ gid }) => String(gid)), group, egroup: { ...group, title: "EGROUP" } },
	...{ comm, ucmd: { ...comm, title: "CMD" }, args: args("COMMAND"), command: args("COMMAND"), cmd: args("CMD") },
	...{ pcpu: cpu, "%cpu": cpu, pmem: memory, "%mem": memory },
	...{ vsz: virtual, vsize: virtual, rss: resident, rssize: resident, rsz: { ...resident, title: "RSZ" } },
	...{ tty: tty("TT"), tt: tty("TT"), tname: tty("TTY"), stat: column("STAT", states), s: state, state },
	...{ time, cputime: time, ni: nice, nice, nlwp: threads, thcount: { ...threads, title: "THCNT" } },
	pri: column("PRI", ({ priority }) => String(39 - priority)),
	etime: column("ELAPSED", (process, host) => span(elapsed(process, host), false)),
	etimes: column("ELAPSED", (process, host) => String(elapsed(process, host))),
	c: column("C", (process, host) => String(Math.floor(cpuPercent(process, host)))),
	stime: column("STIME", startedShort),
	start_time: column("START", startedShort),
	start: column("STARTED", (process, host) => {
		const then = started(process, host);
		return elapsed(process, host) < 86_400
			? `${clock(then)}:${two(then.getSeconds())}`
			: `  ${MONTHS[then.getMonth()]} ${two(then.getDate())}`;
	}),
	lstart: column("STARTED", (process, host) => {
		const then = started(process, host);
		const weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][then.getDay()];
		const date = String(then.getDate()).padStart(2);
		return `${weekday} ${MONTHS[then.getMonth()]} ${date} ${clock(then)}:${two(then.getSeconds())} ${then.getFullYear()}`;
	}),
	bsdtime: column("TIME", (process) => {
		const seconds = cpuSeconds(process);
		return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
	}),
};

const FULL: readonly Column[] = [
	column("UID", ({ uid: id }, _, names) => names.user(id)),
	...["pid", "ppid", "c", "stime", "tname", "time", "cmd"].flatMap((name) => COLUMNS[name] ?? []),
];
const BSD: readonly Column[] = [
	...["user", "pid", "%cpu", "%mem", "vsz", "rss", "tname", "stat", "start_time", "bsdtime", "command"],
].flatMap((name) => COLUMNS[name] ?? []);

/**
 * ps(1)'s options: which columns. Those that choose processes (-e, -a, x) mean nothing here: they are the container's. Throws
 * Error for others.
 */
export function columnsOf(options: readonly string[]): readonly Column[] {
	let base = FULL;
	const chosen: Column[] = [];
	for (let i = 0; i < options.length; i++) {
		const option = options[i] ?? "";
		const [, list] = /^--format(?:=(.*))?$/.exec(option) ?? [];
		if (option.startsWith("--format")) {
			chosen.push(...named(list ?? options[++i] ?? ""));
			continue;
		}
		const letters = option.replace(/^-/, "");
		const [, flags = "", rest] = /^([a-np-zA-Z]*)(?:o(.*))?$/.exec(letters) ?? [];
		if (rest !== undefined) chosen.push(...named(rest || (options[++i] ?? "")));
		if (!/^[aAexfwuH]*$/.test(flags) || (flags === "" && rest === undefined)) {
			throw new Error(`ps option ${option} is not supported: use -ef, aux or -o with names of columns`);
		}
		if (flags.includes("u")) base = BSD;
	}
	return chosen.length ? chosen : base;
}

/** "pid,comm,user=WHO" */
function named(list: string): Column[] {
	return list.split(/[ ,]+/).map((part) => {
		const [name = "", title] = part.split(/=(.*)/s);
		const found = Object.hasOwn(COLUMNS, name.toLowerCase()) ? COLUMNS[name.toLowerCase()] : undefined;
		if (!found) throw new Error(`ps: unknown column "${name}": there are ${Object.keys(COLUMNS).join(", ")}`);
		return title === undefined ? found : { ...found, title };
	});
}
