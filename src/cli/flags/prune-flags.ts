/** What the commands that remove the unused have in common. */
import { EngineError } from "../../errors.ts";
import { bool, listOf } from "./flags.ts";
import { groupFilters, parseFilter } from "./parse-filter.ts";
import { parseTime } from "./parse-time.ts";

export const pruneFlags = {
	filter: listOf('Provide filter values (e.g. "until=<timestamp>")', "filter", parseFilter),
	force: bool("Do not prompt for confirmation", "f"),
};

/** Grouped; `until` as a time that `Date.parse` reads. */
export const pruneFilters = (pairs: readonly (readonly [string, string])[]): Map<string, string[]> =>
	groupFilters(pairs.map(([key, value]) => [key, key === "until" ? moment(value) : value]));

function moment(text: string): string {
	try {
		return parseTime(text, "until");
	} catch (error) {
		throw new EngineError("invalid", (error as Error).message);
	}
}
