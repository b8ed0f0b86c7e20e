/** Prints a plan: each system call that makes a container, why, and how long it took (`--explain`). */
import { callOf } from "./operation-texts.ts";
import type { Operation } from "./operations.ts";

/** One line an operation: number, microseconds, the call, the reason. `nanoseconds` is empty for a plan that did not run. */
export function renderPlan(plan: readonly Operation[], nanoseconds: readonly number[]): string {
	const width = String(plan.length).length;
	const lines = plan.map((operation, i) => {
		const ns = nanoseconds[i];
		const time = nanoseconds.length === 0 ? "" : `${ns ? (ns / 1000).toFixed(1) : "-"} µs`.padStart(12);
		return `${String(i).padStart(width)}${time}  ${callOf(operation)}  # ${operation.why}`;
	});
	return `${lines.join("\n")}\n`;
}

/** The same for machines: an array of objects. */
export function renderPlanJson(plan: readonly Operation[], nanoseconds: readonly number[]): string {
	const rows = plan.map((operation, i) => ({
		number: i,
		operation: operation.code,
		call: callOf(operation),
		why: operation.why,
		microseconds: nanoseconds[i] ? nanoseconds[i] / 1000 : null,
	}));
	return `${JSON.stringify(rows, null, 4)}\n`;
}
