/** Random bytes of the kernel (getrandom(2)): the web's crypto object takes 0.1 ms to make. */
import { syscall } from "./errno.ts";

/** `length` is 256 at most: no signal cuts so few short. */
export function randomBytes(length: number): Uint8Array {
	const bytes = new Uint8Array(length);
	syscall("getrandom", "", bytes, length, 0);
	return bytes;
}
