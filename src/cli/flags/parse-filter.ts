/** `--filter key=value`, repeated. Pure. */

export function parseFilter(text: string): readonly [key: string, value: string] {
	const equals = text.indexOf("=");
	if (equals < 0) throw new Error("bad format of filter (expected name=value)");
	return [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()];
}

export function groupFilters(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
	const groups = new Map<string, string[]>();
	for (const [key, value] of pairs) groups.set(key, [...(groups.get(key) ?? []), value]);
	return groups;
}
