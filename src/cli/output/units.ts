/** Ages and sizes in docker's words. Pure. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "Less than a second", "5 seconds", "About a minute", "3 weeks". */
export function humanDuration(ms: number): string {
	const seconds = Math.floor(ms / SECOND);
	if (seconds < 1) return "Less than a second";
	if (seconds === 1) return "1 second";
	if (seconds < 60) return `${seconds} seconds`;
	const minutes = Math.floor(ms / MINUTE);
	if (minutes === 1) return "About a minute";
	if (minutes < 60) return `${minutes} minutes`;
	const hours = Math.round(ms / HOUR);
	if (hours === 1) return "About an hour";
	if (hours < 48) return `${hours} hours`;
	if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
	if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
	if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
	return `${Math.floor(ms / DAY / 365)} years`;
}

export const ago = (since: number, now = Date.now()): string => `${humanDuration(now - since)} ago`;

/** "2026-11-23 19:03:12 +0000 UTC" */
export function timestamp(ms: number): string {
	const iso = new Date(ms).toISOString();
	return `${iso.slice(0, 10)} ${iso.slice(11, 19)} +0000 UTC`;
}

/** Decimal, three significant digits: "1.98MB", "164MB", "0B". */
export const humanSize = (bytes: number): string => scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB"], 3);

/** Binary, four significant digits: "1.5MiB", "7.637GiB". */
export const binarySize = (bytes: number): string => scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4);

function scaled(bytes: number, step: number, units: readonly string[], digits: number): string {
	let value = bytes;
	let unit = 0;
	while (value >= step && unit < units.length - 1) {
		value /= step;
		unit++;
	}
	return `${Number(value.toPrecision(value >= 1000 ? 4 : digits))}${units[unit]}`;
}
