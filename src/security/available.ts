/** The capabilities that this process may give on: its bounding set (proc(5), CapBnd). */
import { readFileSync } from "../sys/fs.ts";
import { CAPABILITIES } from "./capabilities.ts";

export function availableCapabilities(): bigint {
	const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"));
	return BigInt(`0x${line?.[1] ?? "0"}`) & ((1n << BigInt(CAPABILITIES.length)) - 1n);
}
