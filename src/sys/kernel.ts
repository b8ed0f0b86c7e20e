/** What this kernel can do, by its release. */
import { readFileSync } from "./fs.ts";

/** "6.18.44" and what the distribution adds. */
export const kernelRelease = (): string => readFileSync("/proc/sys/kernel/osrelease", "latin1").trim();

export function kernelAtLeast(major: number, minor: number, text = kernelRelease()): boolean {
	const a = Number.parseInt(text, 10);
	const b = Number.parseInt(text.slice(text.indexOf(".") + 1), 10);
	return a > major || (a === major && b >= minor);
}

/** overlay's `lowerdir+` (Linux 6.5). */
export const overlayLayersOneByOne = (): boolean => kernelAtLeast(6, 5);
