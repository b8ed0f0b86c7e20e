/** The environment of a container's processes. */

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A later NAME=value replaces an earlier one in its place. */
export function mergeEnvironment(...lists: readonly (readonly string[])[]): string[] {
	const places = new Map<string, number>();
	const merged: string[] = [];
	for (const list of lists) {
		for (const line of list) {
			const name = line.slice(0, line.indexOf("="));
			const place = places.get(name) ?? merged.length;
			places.set(name, place);
			merged[place] = line;
		}
	}
	return merged;
}

/** Environment as docker composes it: defaults first, then what the image and the user say. */
export function environment(lines: readonly string[], o: { hostname: string; home: string; tty: boolean }): string[] {
	const merged = mergeEnvironment([DEFAULT_PATH, `HOSTNAME=${o.hostname}`, ...(o.tty ? ["TERM=xterm"] : [])], lines);
	for (const line of merged) if (line.startsWith("HOME=")) return merged;
	merged.push(`HOME=${o.home}`);
	return merged;
}
