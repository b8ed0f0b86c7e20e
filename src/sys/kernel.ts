/** What this kernel can do, by its release. */
import { readFileSync } from "./fs.ts";

export function kernelAtLeast(
	major: number,
	minor: number,
	text = readFileSync("/proc/sys/kernel/osrelease", "latin1"),
): boolean {
	const [a = 0, b = 0] = text.split(".").map((part) => Number.parseInt(part, 10));
	return a > major || (a === major && b >= minor);
}

/** overlay's `lowerdir+` (Linux 6.5). */
export const overlayLayersOneByOne = (): boolean => kernelAtLeast(6, 5);
