/** Numbers as a line of bars. Pure. */

const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** The largest has the highest bar. */
export function sparkline(values: readonly number[]): string {
	const top = Math.max(...values, Number.MIN_VALUE);
	return values.map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / top) * BARS.length))] ?? "").join("");
}
