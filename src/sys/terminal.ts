/** Terminals: raw mode and window size (termios(3), ioctl_tty(2)). */
import { trySyscall } from "./errno.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;

export interface WindowSize {
	readonly rows: number;
	readonly columns: number;
}

/** isatty(3) */
export function isTerminal(fd: number): boolean {
	return trySyscall("ioctl", fd, TCGETS, new Uint8Array(60)) === 0;
}

export function windowSize(fd: number): WindowSize {
	const size = new Uint16Array(4);
	if (trySyscall("ioctl", fd, TIOCGWINSZ, size) < 0) return { rows: 0, columns: 0 };
	return { rows: size[0] ?? 0, columns: size[1] ?? 0 };
}

// termios(3): the flags that cfmakeraw(3) clears and sets
const INPUT_OFF = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000; // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
const OUTPUT_OFF = 0o1; // OPOST
const LOCAL_OFF = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000; // ISIG ICANON ECHO ECHONL IEXTEN
const CONTROL_OFF = 0o60 | 0o400; // CSIZE PARENB
const CS8 = 0o60;
const VTIME = 17 + 5;
const VMIN = 17 + 6;

/** Every key goes through as it is, Ctrl-C too. Undone when the scope ends. */
export function rawMode(fd: number): Disposable {
	const before = new Uint8Array(60);
	if (trySyscall("ioctl", fd, TCGETS, before) < 0) return { [Symbol.dispose]() {} };
	const raw = before.slice();
	const flags = new Uint32Array(raw.buffer, 0, 4); // c_iflag, c_oflag, c_cflag, c_lflag
	flags[0] = (flags[0] ?? 0) & ~INPUT_OFF;
	flags[1] = (flags[1] ?? 0) & ~OUTPUT_OFF;
	flags[2] = ((flags[2] ?? 0) & ~CONTROL_OFF) | CS8;
	flags[3] = (flags[3] ?? 0) & ~LOCAL_OFF;
	raw[VMIN] = 1;
	raw[VTIME] = 0;
	trySyscall("ioctl", fd, TCSETS, raw);
	return {
		[Symbol.dispose]() {
			trySyscall("ioctl", fd, TCSETS, before);
		},
	};
}
