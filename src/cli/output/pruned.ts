/** What has been removed, as docker lists it. */

/** "" for nothing. */
export const deletedText = (what: string, names: readonly string[]): string =>
	names.length ? `Deleted ${what}:\n${names.map((name) => `${name}\n`).join("")}\n` : "";

export const imageLines = (
	images: readonly { readonly untagged: readonly string[]; readonly deleted: readonly string[] }[],
): string[] =>
	images.flatMap(({ untagged, deleted }) => [
		...untagged.map((name) => `untagged: ${name}`),
		...deleted.map((id) => `deleted: ${id}`),
	]);
