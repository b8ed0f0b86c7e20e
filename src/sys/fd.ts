/** File descriptors with a scope: `using fd = new Fd(...)` closes on every way out. */
import { trySyscall } from "./errno.ts";

export class Fd implements Disposable {
	#fd: number;
	constructor(fd: number) {
		this.#fd = fd;
	}
	get number(): number {
		return this.#fd;
	}
	/** Hands the descriptor over: it will not be closed here. */
	release(): number {
		const fd = this.#fd;
		this.#fd = -1;
		return fd;
	}
	[Symbol.dispose](): void {
		if (this.#fd >= 0) trySyscall("close", this.release());
	}
}

export function close(fd: number): void {
	trySyscall("close", fd);
}

const F_GETFD = 1;

export const isOpen = (fd: number): boolean => trySyscall("fcntl", fd, F_GETFD, 0) >= 0;
