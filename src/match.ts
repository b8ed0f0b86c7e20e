/**
 * Patterns with `*` and `?` that match in time that grows with text times pattern, whatever they hold: all the places in
 * the pattern that a text may have come to are followed at once (Thompson, 1968), where a backtracking matcher tries them
 * one after the other, and takes years for `a*a*a*a*b`. Pure.
 */

/** One element of a pattern. */
export type Step =
	/** One character that `test` lets pass. */
	| { readonly kind: "one"; readonly test: (c: string) => boolean }
	/** Any number of them. */
	| { readonly kind: "many"; readonly test: (c: string) => boolean }
	/** Nothing, or any directories with the slash behind them: docker's "**" before a name. */
	| { readonly kind: "directories" };

export const literal = (c: string): Step => ({ kind: "one", test: (other) => other === c });
export const anyBut = (kind: "one" | "many", excluded: string): Step => ({ kind, test: (c) => c !== excluded });
export const anything = (kind: "one" | "many"): Step => ({ kind, test: () => true });

export class Pattern {
	readonly #steps: readonly Step[];

	constructor(steps: readonly Step[]) {
		this.#steps = steps;
	}

	/** Whether all of the text matches. */
	test(text: string): boolean {
		const last = this.#ends(text, () => true).at(-1);
		return last === [...text].length;
	}

	/** Whether all of it matches, or a part that a slash follows: a path, or a directory above it. */
	testWithParents(path: string): boolean {
		const characters = [...path];
		return this.#ends(path, (at) => at === characters.length || characters[at] === "/").length > 0;
	}

	/** Lengths, in characters, of the beginnings of the text that match, the shortest first. */
	prefixes(text: string): number[] {
		return this.#ends(text, () => true);
	}

	#ends(text: string, wanted: (at: number) => boolean): number[] {
		const found: number[] = [];
		let places = this.#enter(new Set(), 0);
		let at = 0;
		for (const c of text) {
			if (places.has(this.#steps.length) && wanted(at)) found.push(at);
			if (places.size === 0) return found;
			places = this.#step(places, c);
			at++;
		}
		if (places.has(this.#steps.length) && wanted(at)) found.push(at);
		return found;
	}

	/** All places that a character leads to. */
	#step(places: ReadonlySet<number>, c: string): Set<number> {
		const next = new Set<number>();
		for (const place of places) {
			const step = this.#steps[place];
			if (step?.kind === "one" && step.test(c)) this.#enter(next, place + 1);
			else if (step?.kind === "many" && step.test(c)) this.#enter(next, place);
			else if (step?.kind === "directories") {
				next.add(place); // inside of a directory's name there is no way out but its slash
				if (c === "/") this.#enter(next, place + 1);
			}
		}
		return next;
	}

	/** A place, and those behind it that are reached without a character. */
	#enter(places: Set<number>, place: number): Set<number> {
		for (let at = place; ; at++) {
			places.add(at);
			const kind = this.#steps[at]?.kind;
			if (kind !== "many" && kind !== "directories") return places;
		}
	}

	/** The same pattern from its end: for what matches at the end of a text. */
	reversed(): Pattern {
		return new Pattern(this.#steps.toReversed());
	}

	/** Leftmost, and of those that begin there the longest: [begin, end) in characters. */
	find(text: readonly string[], from: number): readonly [number, number] | undefined {
		// For each place the earliest beginning that leads to it.
		let begins = new Map<number, number>();
		let best: readonly [number, number] | undefined;
		for (let at = from; at <= text.length; at++) {
			if (!best) this.#begin(begins, 0, at);
			const begun = begins.get(this.#steps.length);
			if (begun !== undefined && (!best || begun <= best[0])) best = [begun, at];
			const c = text[at];
			if (c === undefined) break;
			const next = new Map<number, number>();
			for (const [place, begin] of begins) {
				if (best && begin > best[0]) continue;
				const step = this.#steps[place];
				if (step?.kind === "one" && step.test(c)) this.#begin(next, place + 1, begin);
				else if (step?.kind === "many" && step.test(c)) this.#begin(next, place, begin);
			}
			begins = next;
			if (best && begins.size === 0) break;
		}
		return best;
	}

	#begin(begins: Map<number, number>, place: number, begin: number): void {
		for (let at = place; ; at++) {
			const known = begins.get(at);
			if (known === undefined || begin < known) begins.set(at, begin);
			if (this.#steps[at]?.kind !== "many") return;
		}
	}
}
