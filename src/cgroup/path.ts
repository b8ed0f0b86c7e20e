/** Where a container's cgroup lies below a hierarchy's root. Pure. */

const DEFAULT_PARENT = "nanocontainer";

/** `--cgroup-parent` and a name. The parent is what a user typed: it is cleaned as if the root were "/", as docker does. */
export function cgroupPath(parent: string, name: string): string {
	const parts: string[] = [];
	for (const part of parent.split("/")) {
		if (part === "..") parts.pop();
		else if (part !== "" && part !== ".") parts.push(part);
	}
	return [...(parts.length ? parts : [DEFAULT_PARENT]), name].join("/");
}
