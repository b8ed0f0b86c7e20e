/** `--restart`: whether, and when, a container that has ended is started again. Pure. */
import { type Container, type ContainerState, NEVER } from "../../store/container-record.ts";

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** Who ran so long has not failed at once: the delay begins anew. */
const LONG_ENOUGH_MS = 10_000;

/**
 * Milliseconds until the next start; undefined: there is none. `before`: the container as it was on record while it ran; `end`:
 * how it ended.
 */
export function restartDelay(
	{ config, state: before }: Container,
	end: Pick<ContainerState, "exitCode" | "finishedAt">,
): number | undefined {
	if (before.init?.startTime === NEVER || before.monitor?.startTime === NEVER) return undefined; // `system boot` sees to it
	// Whoever asked for it may be gone: what ends long after was not ended for that.
	if (before.restartAsked && (end.finishedAt ?? 0) <= (before.restartAt ?? Number.POSITIVE_INFINITY)) return 0;
	// Who wanted it, and was killed while it started, was never told of it; the policy goes on from where it was.
	if (before.stopAsked || (before.status === "starting" && before.restartDelay === 0)) return undefined;
	const { name, maximumRetryCount: most } = config.host.restartPolicy;
	if (name === "no") return undefined;
	if (name === "on-failure" && (end.exitCode === 0 || (most > 0 && before.restartCount >= most))) return undefined;
	const ran = (end.finishedAt ?? 0) - (before.startedAt ?? 0);
	if (before.restartDelay === 0 || ran >= LONG_ENOUGH_MS) return FIRST_DELAY_MS;
	return Math.min(LONGEST_DELAY_MS, 2 * before.restartDelay);
}
