/** The path of an archive's entry, which may be anything. Pure. */

/**
 * Splits an entry's path into parent and name, cleaned of ".", "//" and "..": one that would climb above the root stays in
 * it, as a process with that root directory would (path_resolution(7)). undefined for the root itself.
 */
export function splitPath(path: string): { parent: string; name: string } | undefined {
	const parts: string[] = [];
	for (const part of path.split("/")) {
		if (part === "" || part === ".") continue;
		if (part === "..") parts.pop();
		else parts.push(part);
	}
	const name = parts.pop();
	return name === undefined ? undefined : { parent: parts.join("/"), name };
}
