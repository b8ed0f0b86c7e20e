/**
 * Flags of docker's that are not here yet, each an entry: "publish/p", and behind a blank what can be done instead; "restart=no"
 * names the value with which it asks for what is so anyway.
 */

const nameOf = (entry: string): string => /^[^/ =]*/.exec(entry)?.[0] ?? "";

/** What is said of one; undefined: docker has no such flag either. */
export function notYetText(entries: readonly string[], name: string): string | undefined {
	const entry = entries.find((one) => nameOf(one) === name);
	if (entry === undefined) return undefined;
	const advice = entry.includes(" ") ? `: ${entry.slice(entry.indexOf(" ") + 1)}` : "";
	return `flag --${name} is not supported by NanoContainer yet${advice}`;
}

export const asksForNothing = (entries: readonly string[], name: string, value: string | undefined): boolean =>
	value !== undefined && entries.some((entry) => entry.split(" ")[0] === `${name}=${value}`);
