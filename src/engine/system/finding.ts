/** What `system check` finds, and how it can be mended. */
import type { Paths } from "../../paths.ts";
import { ownStore } from "../../store/store-lock.ts";

/** What was done; `done` is false when it could not be mended after all. */
export interface Mended {
	readonly done: boolean;
	readonly said: string;
}

/** Takes away only while nobody is putting anything in: what seems to belong to nothing may be about to be recorded. */
export function alone(paths: Paths, action: () => Mended): Mended {
	using lock = ownStore(paths);
	return lock ? action() : { done: false, said: "a pull, build or load is at work: try again when it is through" };
}

export interface Finding {
	readonly what: string;
	/** Mends it, and says how; undefined: it takes a person, as `what` says. */
	readonly repair: (() => Mended) | undefined;
}
