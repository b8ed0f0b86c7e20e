/** Holes of sparse files (lseek(2), SEEK_DATA): what has never been written, reads as zeros, and has no blocks. */
import { ENXIO, SyscallError, trySyscall } from "./errno.ts";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Where the data of an open file lies, as offset and length, in order: one piece, where the file system knows no holes. */
export function dataOf(fd: number, size: number): [offset: number, length: number][] {
	const pieces: [number, number][] = [];
	for (let at = 0; at < size; ) {
		const start = trySyscall("lseek", fd, at, SEEK_DATA);
		if (start === -ENXIO) return pieces; // nothing but a hole up to the end
		if (start < 0) throw new SyscallError("lseek", "", -start);
		const hole = trySyscall("lseek", fd, start, SEEK_HOLE);
		if (hole < 0) throw new SyscallError("lseek", "", -hole);
		const end = Math.min(hole, size);
		if (end > start) pieces.push([start, end - start]);
		at = Math.max(end, start + 1);
	}
	return pieces;
}
