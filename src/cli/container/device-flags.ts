/** The flags of `run` and `create` about devices: which may be used, and how fast. */

import type { IO_LIMITS } from "../../cgroup/resources.ts";
import { integer, listOf, type Values } from "../flags/flags.ts";
import { parseDevice } from "../flags/parse-host.ts";
import { parseBytes } from "../flags/parse-size.ts";

interface Rate {
	readonly path: string;
	readonly rate: number;
}

/** "/dev/sda:1mb", a number of bytes, or "/dev/sda:1000", a count. Throws Error with docker's reason. */
function parseRate(text: string, bytes: boolean): Rate {
	const colon = text.lastIndexOf(":");
	const path = text.slice(0, Math.max(colon, 0));
	const amount = text.slice(colon + 1);
	if (colon < 0 || !path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
	let rate = Number.NaN;
	try {
		rate = bytes ? parseBytes(amount) : /^\d+$/.test(amount) ? Number(amount) : Number.NaN;
	} catch {}
	if (Number.isSafeInteger(rate)) return { path, rate };
	throw new Error(
		bytes
			? `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`
			: `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
	);
}

/** "c 1:3 rwm" (cgroup-v1/devices.rst) */
function parseDeviceRule(text: string): string {
	if (/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(text)) return text;
	throw new Error(`invalid device cgroup format '${text}'`);
}

const rate = (help: string, bytes: boolean) => listOf(help, "list", (text) => parseRate(text, bytes));

export const DEVICE_FLAGS = {
	"blkio-weight": integer("Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
	device: listOf("Add a host device to the container", "list", parseDevice),
	"device-cgroup-rule": listOf("Add a rule to the cgroup allowed devices list", "list", parseDeviceRule),
	"device-read-bps": rate("Limit read rate (bytes per second) from a device", true),
	"device-read-iops": rate("Limit read rate (IO per second) from a device", false),
	"device-write-bps": rate("Limit write rate (bytes per second) to a device", true),
	"device-write-iops": rate("Limit write rate (IO per second) to a device", false),
};

/** All of them as one list; undefined when there is none. A rate of 0 is no limit, as docker has it. */
export function deviceIo(flags: Values<typeof DEVICE_FLAGS>) {
	const as = (limit: (typeof IO_LIMITS)[number], rates: readonly Rate[]) =>
		rates.filter(({ rate }) => rate > 0).map(({ path, rate }) => ({ path, limit, rate }));
	const all = [
		...as("rbps", flags["device-read-bps"]),
		...as("wbps", flags["device-write-bps"]),
		...as("riops", flags["device-read-iops"]),
		...as("wiops", flags["device-write-iops"]),
	];
	return all.length ? all : undefined;
}
