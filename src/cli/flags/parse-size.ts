/** docker's grammar of sizes and numbers. Pure; throws Error with docker's reason. */

import { checkInt64 } from "./int64.ts";

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** "512m", "1.5g", "64MiB", "1024": binary multiples, either case → bytes. */
export function parseBytes(text: string): number {
	const match = /^(-?(?:\d+\.?\d*|\.\d+)) ?([a-zA-Z]*)$/.exec(text);
	if (!match) throw new Error(`invalid size: '${text}'`);
	const [, number = "", suffix = ""] = match;
	if (number.startsWith("-")) throw new Error(`invalid size: '${text}'`);
	const unit = /^([bkmgtp])(?:i?b)?$/i.exec(suffix);
	if (suffix && !unit) throw new Error(`invalid suffix: '${suffix}'`);
	const bytes = Math.trunc(Number(number) * (UNITS[unit?.[1]?.toLowerCase() ?? "b"] ?? 1));
	return bytes < 2 ** 63 ? bytes : OVERFLOWN;
}

/** What Go's int64 makes of a number that is too large: what is checked later finds it too small. */
const OVERFLOWN = -(2 ** 63);

/** The same, with -1 for no limit. */
export const parseBytesOrUnlimited = (text: string): number => (text === "-1" ? -1 : parseBytes(text));

/** "1.5" CPUs → billionths. */
export function parseCpus(text: string): number {
	// Go's big.Rat: a decimal, with an exponent maybe, or a fraction.
	const [, numerator = "", denominator = "1"] = /^((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?:\/(\d+))?$/i.exec(text) ?? [];
	if (numerator === "" || Number(denominator) === 0) throw new Error(`failed to parse ${text} as a rational number`);
	const nano = (Number(numerator) / Number(denominator)) * 1e9;
	if (!Number.isInteger(Math.round(nano * 1e3) / 1e3)) throw new Error("value is too precise");
	return Math.round(nano);
}

/** docker's names, without those that need another form. */
const ULIMITS = new Set(
	"core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" "),
);

/** "nofile=1024:2048", -1 for no limit. */
export function parseUlimit(text: string): { name: string; soft: number; hard: number } {
	const [name = "", limits, ...more] = text.split("=");
	if (limits === undefined || more.length) throw new Error(`invalid ulimit argument: ${text}`);
	if (!ULIMITS.has(name)) throw new Error(`invalid ulimit type: ${name}`);
	const parts = limits.split(":");
	if (parts.length > 2)
		throw new Error(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``);
	const [soft = 0, hard = soft] = parts.map((part) => {
		if (!/^-?\d+$/.test(part)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`);
		const limit = checkInt64(part);
		return limit === -1 ? RLIM_INFINITY : limit;
	});
	if (hard !== RLIM_INFINITY && (soft === RLIM_INFINITY || soft > hard)) {
		throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
	}
	return { name, soft, hard };
}

/** JSON has no Infinity; -1 is what the kernel's all ones are as a signed number. */
export const RLIM_INFINITY = -1;
