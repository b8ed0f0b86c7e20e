/** The capabilities that this process may give on: its bounding set (proc(5), CapBnd). */
import { readFileSync } from "../sys/fs.ts";
import { CAPABILITIES } from "./capabilities.ts";

export function availableCapabilities(): bigint {
	const status = readFileSync("/proc/self/status", "latin1");
	const [, mask = "0"] = status.slice(status.indexOf("CapBnd:")).split("\n", 1)[0]?.split("\t") ?? [];
	return BigInt(`0x${mask}`) & ((1n << BigInt(CAPABILITIES.length)) - 1n);
}
