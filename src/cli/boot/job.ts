/** A container of a machine, as a piece of work, and what is asked about its end. */
import type { BootContainer } from "../../boot/settings.ts";
import type { MonitorClient } from "../../runtime/monitor.ts";
import { startTime } from "../../sys/process.ts";

/** docker's back-off for containers that are restarted. */
export const FIRST_DELAY_MS = 100;

export interface Job {
	readonly container: BootContainer;
	/** It has the console as its terminal. */
	readonly console: boolean;
	/** Made before, and to be started again. */
	readonly id: string | undefined;
	/** How often it could not be started, the console's: then what it is made from becomes simpler. */
	readonly failures: number;
	/** How long it is waited before the next start, in milliseconds. */
	readonly delay: number;
}

/** A container that is run for the first time. */
export const newJob = (container: BootContainer, console = false): Job => ({
	container,
	console,
	id: undefined,
	failures: 0,
	delay: FIRST_DELAY_MS,
});

/** This process, as its containers' label says it. */
export const THIS = `${process.pid}:${startTime(process.pid) ?? 0}`;

/** Whether the boot that a label names is at work still. */
export function isAlive(boot: string): boolean {
	const [pid, started] = boot.split(":").map(Number);
	return pid !== undefined && startTime(pid) === started;
}

/** A machine that is to end does not wait for ever, whatever a container asks for. */
const LONGEST_STOP_S = 90;

/** `seconds` as in a container's configuration: null is docker's default, -1 for ever. */
export function atMost(seconds: number | null): number | undefined {
	if (seconds === null) return undefined;
	return seconds < 0 ? LONGEST_STOP_S : Math.min(seconds, LONGEST_STOP_S);
}

/** The wait status that the monitor told before it ended. */
export function exitStatus(client: MonitorClient): number | undefined {
	for (let event = client.nextWithin(0); event && event.type !== "closed"; event = client.nextWithin(0)) {
		if (event.type === "exited") return event.a;
	}
	return undefined;
}

/** A wait status (wait(2)), for people. */
export const describe = (status: number): string =>
	(status & 0x7f) === 0 ? `exit code ${status >> 8}` : `signal ${status & 0x7f}`;
