/** What this kernel can do, by its release. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { CAPABILITIES } from "../security/capabilities.ts";

export function kernelAtLeast(major: number, minor: number, text = release()): boolean {
	const [a = 0, b = 0] = text.split(".").map((part) => Number.parseInt(part, 10));
	return a > major || (a === major && b >= minor);
}

/** overlay's `lowerdir+` (Linux 6.5). */
export const overlayLayersOneByOne = (): boolean => kernelAtLeast(6, 5);

/** The capabilities that this process may give on: its bounding set (proc(5), CapBnd). */
export function availableCapabilities(): bigint {
	const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"));
	return BigInt(`0x${line?.[1] ?? "0"}`) & ((1n << BigInt(CAPABILITIES.length)) - 1n);
}
