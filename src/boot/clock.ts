/** The clock, as far as it matters for TLS: a certificate is valid from some day on, and 1970 was before it. */
import { setClock } from "../sys/machine.ts";

/**
 * A clock that is before this program was built is wrong, and is set to that time. Returns what was done, in a
 * sentence. `built` is in milliseconds since 1970.
 */
export function ensurePlausibleClock(built: number, now = Date.now()): string | undefined {
	if (now >= built) return undefined;
	const said = new Date(now).toISOString().slice(0, 10);
	try {
		setClock(built);
	} catch (error) {
		return `the clock says ${said} and cannot be set (${(error as Error).message}): certificates will not be valid`;
	}
	const set = new Date(built).toISOString().slice(0, 10);
	return `the clock said ${said}; it is set to ${set}, when this program was built, so that TLS works: set it right, or give the machine a clock`;
}
