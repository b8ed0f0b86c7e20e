/** `idmap` of `-v` and `--mount`, in podman's grammar. Pure. */

const MAX_ID = 2 ** 32 - 2;

/** "", or "uids=FROM-TO-N#FROM-TO-N;gids=…": FROM is an id on the disk, TO what it is seen as. Throws Error. */
export function checkIdMap(text: string): string {
	if (text === "") return "idmap";
	const kinds = new Set<string>();
	for (const part of text.split(";")) {
		const [, kind = "", triplets = ""] = /^(uids|gids)=(.*)$/.exec(part) ?? [];
		if (!kind || kinds.has(kind)) throw new Error(`invalid idmap: ${text} (expected uids=FROM-TO-N;gids=FROM-TO-N)`);
		kinds.add(kind);
		for (const triplet of triplets.split("#")) {
			const [from = -1, to = -1, size = 0] = /^\d+-\d+-\d+$/.test(triplet) ? triplet.split("-").map(Number) : [];
			if (from < 0 || size < 1 || from + size - 1 > MAX_ID || to + size - 1 > MAX_ID) {
				throw new Error(`invalid idmap: ${triplet || text} (expected FROM-TO-N, as in 1000-0-1)`);
			}
		}
	}
	return `idmap=${text}`;
}
