/** Paths as text, by Go's rules (path.Clean, path.Join), which Dockerfiles are written for. Pure: nothing is looked up. */

/** Removes ".", "//" and inner "..". A rooted path has no ".." left; a relative one keeps those that lead above it. */
export function cleanPath(path: string): string {
	const rooted = path.startsWith("/");
	const parts: string[] = [];
	for (const part of path.split("/")) {
		if (part === "" || part === ".") continue;
		if (part !== "..") parts.push(part);
		else if (parts.length && parts.at(-1) !== "..") parts.pop();
		else if (!rooted) parts.push("..");
	}
	return (rooted ? "/" : "") + parts.join("/") || ".";
}

/** `path` as seen from the directory `base`, which is absolute. */
export const resolvePath = (base: string, path: string): string =>
	cleanPath(path.startsWith("/") ? path : `${base}/${path}`);

/** A path of the build context, where "/" and ".." end at its root: relative, "" for the root itself. */
export const contextPath = (path: string): string => cleanPath(`/${path}`).slice(1);

export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
export const dirName = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));
