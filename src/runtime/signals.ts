/** Signal names and numbers (signal(7)); the same on x86_64 and aarch64. */

/** Each at the index that is its number. */
const NAMES =
	" HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(
		" ",
	);
const ALIASES: Record<string, number> = { IOT: 6, CLD: 17, POLL: 29, RTMIN: 34, RTMAX: 64 };
const SIGRTMIN = 34;
const SIGRTMAX = 64;

export const SIGINT = 2;
export const SIGKILL = 9;
export const SIGTERM = 15;

/** "TERM", "SIGTERM", "15", "RTMIN+3" → number; undefined if there is none such. */
export function parseSignal(text: string): number | undefined {
	if (/^\d+$/.test(text)) {
		const n = Number(text);
		return n >= 1 && n <= SIGRTMAX ? n : undefined;
	}
	const name = text.toUpperCase().replace(/^SIG/, "");
	const realtime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
	if (realtime) {
		const n = (realtime[1] === "MIN" ? SIGRTMIN : SIGRTMAX) + Number(realtime[2] ?? 0);
		return n >= SIGRTMIN && n <= SIGRTMAX ? n : undefined;
	}
	const n = ALIASES[name] ?? NAMES.indexOf(name);
	return n > 0 ? n : undefined;
}

/** The signals that a command forwards to its container: all that can be caught, but CHLD, PIPE and URG. */
export const FORWARDED_SIGNALS: readonly { readonly name: NodeJS.Signals; readonly number: number }[] = [
	{ name: "SIGHUP", number: 1 },
	{ name: "SIGINT", number: SIGINT },
	{ name: "SIGQUIT", number: 3 },
	{ name: "SIGUSR1", number: 10 },
	{ name: "SIGUSR2", number: 12 },
	{ name: "SIGALRM", number: 14 },
	{ name: "SIGTERM", number: SIGTERM },
	{ name: "SIGCONT", number: 18 },
	{ name: "SIGVTALRM", number: 26 },
	{ name: "SIGWINCH", number: 28 },
	{ name: "SIGIO", number: 29 },
	{ name: "SIGPWR", number: 30 },
];

/** The wait status of wait(2) → docker's exit code: the process's own, or 128+signal. */
export function exitCodeOf(waitStatus: number): number {
	const signal = waitStatus & 0x7f;
	return signal ? 128 + signal : (waitStatus >> 8) & 0xff;
}
