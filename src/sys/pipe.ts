/** pipe(2): both ends close-on-exec. */
import { syscall } from "./errno.ts";

const O_CLOEXEC = 0o2000000;

export function pipe(): { readonly read: number; readonly write: number } {
	const ends = new Int32Array(2);
	syscall("pipe2", "", ends, O_CLOEXEC);
	return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}
