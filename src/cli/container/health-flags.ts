/** Flags of `run` and `create` about health checks, and what they mean together. */
import { EngineError } from "../../errors.ts";
import type { Healthcheck } from "../../store/container-record.ts";
import { bool, integer, text, value } from "../flags/flags.ts";
import { parseDuration } from "../flags/parse-time.ts";

const NS_PER_MS = 1e6;

function duration(given: string): number {
	const ms = parseDuration(given);
	if (ms === undefined) throw new Error(`time: invalid duration ${JSON.stringify(given)}`);
	return ms * NS_PER_MS;
}

function onFailure(given: string): Healthcheck["onFailure"] {
	if (given === "none" || given === "kill" || given === "restart" || given === "stop") return given;
	throw new Error(`${JSON.stringify(given)} is none of none, kill, restart, stop`);
}

export const HEALTH_FLAGS = {
	"health-cmd": text("Command to run to check health"),
	"health-interval": value("Time between running the check (ms|s|m|h)", "duration", duration),
	"health-on-failure": value(
		"What to do with a container that turns unhealthy (none|kill|restart|stop)",
		"string",
		onFailure,
	),
	"health-retries": integer("Consecutive failures needed to report unhealthy"),
	"health-start-interval": value(
		"Time between running the check during the start period (ms|s|m|h)",
		"duration",
		duration,
	),
	"health-start-period": value(
		"Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
		"duration",
		duration,
	),
	"health-timeout": value("Maximum time to allow one check to run (ms|s|m|h)", "duration", duration),
	"no-healthcheck": bool("Disable any container-specified HEALTHCHECK"),
};

interface Given {
	readonly "health-cmd": string | undefined;
	readonly "health-interval": number | undefined;
	readonly "health-on-failure": Healthcheck["onFailure"] | undefined;
	readonly "health-retries": number | undefined;
	readonly "health-start-interval": number | undefined;
	readonly "health-start-period": number | undefined;
	readonly "health-timeout": number | undefined;
	readonly "no-healthcheck": boolean;
}

const TIMES = ["health-interval", "health-timeout", "health-start-period", "health-start-interval"] as const;

/** undefined: nothing is asked. Throws EngineError for what cannot be. */
export function healthOptions(flags: Given): Healthcheck | undefined {
	const asked = [...TIMES, "health-cmd", "health-retries", "health-on-failure"] as const;
	const isAsked = asked.some((name) => flags[name] !== undefined && flags[name] !== "");
	if (flags["no-healthcheck"] && isAsked) {
		throw new EngineError("usage", "--no-healthcheck conflicts with --health-* options");
	}
	if (!isAsked && !flags["no-healthcheck"]) return undefined;
	for (const name of [...TIMES, "health-retries"] as const) {
		if ((flags[name] ?? 0) < 0) throw new EngineError("usage", `--${name} cannot be negative`);
	}
	for (const name of TIMES) {
		const time = flags[name] ?? 0;
		if (time > 0 && time < NS_PER_MS) {
			throw new EngineError("invalid", `--${name} in Healthcheck cannot be less than one millisecond`);
		}
	}
	const command = flags["health-cmd"];
	return {
		test: flags["no-healthcheck"] ? ["NONE"] : command ? ["CMD-SHELL", command] : [],
		interval: flags["health-interval"] ?? 0,
		timeout: flags["health-timeout"] ?? 0,
		startPeriod: flags["health-start-period"] ?? 0,
		startInterval: flags["health-start-interval"] ?? 0,
		retries: flags["health-retries"] ?? 0,
		onFailure: flags["health-on-failure"] ?? "none",
	};
}
