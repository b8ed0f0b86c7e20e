/** `--explain`: the plan of `run`, `create` and `exec`, as a person or a program reads it. */

import type { Launched } from "../../runtime/launch.ts";
import type { Operation } from "../../runtime/operations.ts";
import { complain } from "../output/output.ts";

export type ExplainMode = "" | "text" | "json";

/** `--explain` is a switch that may carry a value. */
export function explainFlag() {
	return {
		short: undefined,
		help: "Print the system calls that make the container, each with its reason and time; --explain=json for machines",
		kind: "",
		initial: "" as ExplainMode,
		add: (_: ExplainMode, given: string): ExplainMode => {
			if (given === "true" || given === "text") return "text";
			if (given === "json") return "json";
			if (given === "false") return "";
			throw new Error('must be "text" or "json"');
		},
	};
}

/** Prints the plan, if asked for, on standard error: standard output is the container's. */
export function explain(mode: ExplainMode, plan: readonly Operation[], launched: Launched): void {
	if (mode === "") return;
	const { renderPlan, renderPlanJson } =
		require("../../runtime/explain.ts") as typeof import("../../runtime/explain.ts");
	const timings = launched.timings();
	complain(mode === "json" ? renderPlanJson(plan, timings) : renderPlan(plan, timings));
}
