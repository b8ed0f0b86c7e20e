/** One thing that a host has or lacks. */

export interface Diagnosis {
	readonly what: string;
	readonly isThere: boolean;
	/** What was found; or what does not work without it. */
	readonly detail: string;
	/** How to get it; "": it is there. */
	readonly advice: string;
	/** Without it no container runs. */
	readonly isVital: boolean;
}

export const there = (what: string, detail: string): Diagnosis => ({
	what,
	isThere: true,
	detail,
	advice: "",
	isVital: false,
});
export const missing = (what: string, detail: string, advice: string, isVital = false): Diagnosis => ({
	what,
	isThere: false,
	detail,
	advice,
	isVital,
});
