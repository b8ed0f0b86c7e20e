/** The environment of a container's processes. */

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A later NAME=value replaces an earlier one in its place. */
export function mergeEnvironment(...lists: readonly (readonly string[])[]): string[] {
	const variables = new Map<string, string>();
	for (const line of lists.flat()) variables.set(line.slice(0, line.indexOf("=")), line);
	return [...variables.values()];
}

/** Environment as docker composes it: defaults first, then what the image and the user say. */
export function environment(lines: readonly string[], o: { hostname: string; home: string; tty: boolean }): string[] {
	const merged = mergeEnvironment([DEFAULT_PATH, `HOSTNAME=${o.hostname}`, ...(o.tty ? ["TERM=xterm"] : [])], lines);
	return merged.some((line) => line.startsWith("HOME=")) ? merged : [...merged, `HOME=${o.home}`];
}
