/** What somebody who mistyped a word probably meant. Pure. */

/** The nearest of `known`, if it is at most two letters away. */
export function closest(word: string, known: readonly string[]): string | undefined {
	const ranked = known
		.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
		.sort((a, b) => a.distance - b.distance);
	return ranked[0] && ranked[0].distance <= 2 ? ranked[0].candidate : undefined;
}

/** Behind an error: " (did you mean cache?)", or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
	const meant = closest(word, known);
	return meant === undefined ? "" : ` (did you mean ${meant}?)`;
}

/** Levenshtein's. */
export function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
			next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
		}
		row = next;
	}
	return row[b.length] ?? 0;
}
