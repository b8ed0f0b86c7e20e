/** `--since` and `--until`: durations back from now, Unix seconds, and dates, as docker takes them. Pure. */

const UNITS: Readonly<Record<string, number>> = {
	ns: 1e-6,
	us: 1e-3,
	µs: 1e-3,
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
};

/** A Go duration ("1h30m") in milliseconds; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
	if (text === "0") return 0;
	if (!/^[+-]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
	let total = 0;
	for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
		total += Number(number) * (UNITS[unit ?? ""] ?? 0);
	}
	return text.startsWith("-") ? -total : total;
}

const fraction = (digits: string | undefined): string => (digits ?? "").slice(0, 9).padEnd(9, "0");
const seconds = (ms: number): string => new Date(ms).toISOString().slice(0, 19);

/** → RFC 3339 in UTC with nine digits, which sorts as text. */
export function parseTime(text: string, flag: string, now = Date.now()): string {
	// A bare number is a moment, 0 too: the beginning of all.
	const duration = /^\d+$/.test(text) ? undefined : parseDuration(text);
	if (duration !== undefined) return new Date(now - duration).toISOString().replace("Z", "000000Z");
	const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
	if (unix) return `${seconds(Number(unix[1]) * 1000)}.${fraction(unix[2])}Z`;
	const date = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
	if (date) {
		const [, day, hour = "00", minute = "00", second = "00", nanos, zone = ""] = date;
		const ms = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`); // without zone: the client's
		if (!Number.isNaN(ms)) return `${seconds(ms)}.${fraction(nanos)}Z`;
	}
	throw new Error(`invalid value for "${flag}": failed to parse value as time or duration: ${JSON.stringify(text)}`);
}
