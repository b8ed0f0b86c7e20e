/** HEALTHCHECK: `NONE`, or `CMD` with how often and how patiently. */
import { EngineError } from "../../errors.ts";
import type { Healthcheck } from "./instruction.ts";
import { jsonArray } from "./json-array.ts";
import type { Flags } from "./parse-flags.ts";

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's durations ("1m30s", "500ms") in nanoseconds; undefined: none. */
export function parseDuration(text: string): number | undefined {
	if (!/^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return text === "0" ? 0 : undefined;
	return [...text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)].reduce(
		(sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ""] ?? 0),
		0,
	);
}

export function parseHealthcheck(
	rest: string,
	flags: Flags,
): Pick<Healthcheck, "test" | "interval" | "timeout" | "startPeriod" | "startInterval" | "retries"> {
	const [, type = "", command = ""] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
	if (type.toUpperCase() === "NONE") {
		if (command !== "") throw new EngineError("invalid", "HEALTHCHECK NONE takes no arguments");
		return { test: ["NONE"] };
	}
	if (type.toUpperCase() !== "CMD") {
		throw new EngineError("invalid", `Unknown type "${type}" in HEALTHCHECK (try CMD)`);
	}
	if (command === "") throw new EngineError("invalid", "Missing command after HEALTHCHECK CMD");
	const json = jsonArray(command);
	const retries = flags.text("retries");
	if (retries !== undefined && !/^\d+$/.test(retries)) {
		throw new EngineError("invalid", `--retries cannot be negative (${retries})`);
	}
	return {
		test: json ? ["CMD", ...json] : ["CMD-SHELL", command],
		...duration("interval", "interval", flags),
		...duration("timeout", "timeout", flags),
		...duration("start-period", "startPeriod", flags),
		...duration("start-interval", "startInterval", flags),
		...(retries === undefined ? {} : { retries: Number(retries) }),
	};
}

function duration<K extends string>(flag: string, key: K, flags: Flags): Partial<Record<K, number>> {
	const text = flags.text(flag);
	if (text === undefined) return {};
	const value = parseDuration(text);
	if (value === undefined) throw new EngineError("invalid", `time: invalid duration "${text}"`);
	if (value !== 0 && value < 1e6) {
		throw new EngineError("invalid", `Interval "${flag}" cannot be less than 1ms`);
	}
	return { [key]: value } as Record<K, number>;
}
