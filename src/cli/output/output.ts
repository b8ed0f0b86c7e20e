/**
 * Standard output and error, written at once. process.stdout would do the same after loading half of Node's streams,
 * which takes longer (8 ms) than most commands.
 */
import { EAGAIN, EINTR, trySyscall } from "../../sys/errno.ts";
import { pollWritable } from "../../sys/process.ts";
import { utf8 } from "../../sys/text.ts";
import { forTerminal } from "./terminal.ts";

/** Writes to standard output. What a closed pipe does not take is dropped, as it is by cat(1). */
export const print = (text: string): void => write(1, text);

/** Writes to standard error. On a terminal, whoever's words are in it, they send no control character. */
export const complain = (text: string): void => write(2, forTerminal(2, text));

/** Writes to standard error what is to reach a terminal as it is: pictures, and what a container said there. */
export const drawOnError = (text: string): void => write(2, text);

function write(fd: number, text: string): void {
	const bytes = utf8(text);
	for (let at = 0; at < bytes.length; ) {
		const n = trySyscall("write", fd, at ? bytes.subarray(at) : bytes, bytes.length - at);
		if (n >= 0) at += n;
		else if (n === -EAGAIN) pollWritable(fd);
		else if (n !== -EINTR) return;
	}
}
