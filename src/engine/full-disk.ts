/** A disk that is full, told by its directory: the kernel says no more than that there is no space (ENOSPC, EDQUOT). */
import { EngineError, messageOf } from "../errors.ts";

const FULL = /no space left on device|disk quota exceeded|database or disk is full/i;

/** Does what stores something, and says of a failure for want of room which directory lacks it. */
export async function tellingFull<T>({ root }: { readonly root: string }, action: () => Promise<T>): Promise<T> {
	try {
		return await action();
	} catch (error) {
		const message = messageOf(error);
		if (!FULL.test(message) || message.includes(root)) throw error;
		const told = new EngineError("failed", `${message}: ${root} is full`, { cause: error });
		// What else is known of it, as the place in a Dockerfile, stays.
		throw Object.assign(told, { range: (error as { range?: unknown }).range });
	}
}
