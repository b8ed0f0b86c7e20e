/**
 * The monitor's ELF file, compiled from native/. The build puts it at the very end of this executable
 * (native/self-contained.ts): from there the kernel copies it, and none of it comes through this process's memory.
 */
import { syscall } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "../sys/file.ts";
import { nodeFs } from "../sys/node.ts";
import { copiedMemfd, memfd } from "../sys/process.ts";
import { fromLatin1 } from "../sys/text.ts";

const NAME = "nanocontainer-monitor";
/** The last bytes: the monitor's size as a 64-bit number, and this word. */
export const MAGIC = "NCMONITR";
const TRAILER = 16;
const SEEK_END = 2;

/** A sealed file in memory that holds it. */
export function monitorProgram(): Fd {
	using self = openat2(AT_FDCWD, "/proc/self/exe", O_RDONLY);
	const end = syscall("lseek", "/proc/self/exe", self.number, 0, SEEK_END) - TRAILER;
	const trailer = new Uint8Array(TRAILER);
	syscall("pread64", "/proc/self/exe", self.number, trailer, TRAILER, end);
	if (fromLatin1(trailer.subarray(8)) !== MAGIC) return memfd(NAME, nodeFs().readFileSync("build/monitor"), true); // run by bun
	const size = Number(new DataView(trailer.buffer).getBigUint64(0, true));
	return copiedMemfd(NAME, self.number, end - size, size);
}
