/**
 * The machine's console. A kernel whose console is a module's (virtio_console) has none to give to its first process: then
 * what is said is kept until the module is loaded.
 */
import { syscall } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { AT_FDCWD, O_NOCTTY, O_RDWR, tryOpenat2 } from "../sys/file.ts";
import { isTerminal } from "../sys/terminal.ts";

const STREAMS = [0, 1, 2];

export class Console {
	/** undefined: it is said at once. */
	#kept: string[] | undefined;
	readonly #own: boolean;
	readonly #write: (text: string) => void;

	/** `own`: the standard streams are the machine's console, or should be. `write` writes to standard error. */
	constructor(own: boolean, write: (text: string) => void) {
		this.#own = own;
		this.#write = write;
		this.#kept = own && !isTerminal(2) ? [] : undefined;
	}

	/** A sentence. Its terminal may be in raw mode: then a new line alone would not begin at its left. */
	readonly say = (text: string): void => {
		const line = `NanoContainer: ${text}\r\n`;
		this.#kept?.push(line);
		this.#write(line);
	};

	/** Called when there may be one now, or another: what the kernel calls its console changes with its drivers. */
	open(): void {
		if (!this.#own) return;
		const fd = tryOpenat2(AT_FDCWD, "/dev/console", O_RDWR | O_NOCTTY, 0, 0);
		if (fd < 0) return;
		using console = new Fd(fd);
		for (const stream of STREAMS) syscall("dup3", "/dev/console", console.number, stream, 0);
		const kept = this.#kept ?? [];
		this.#kept = undefined;
		for (const line of kept) this.#write(line);
	}
}
