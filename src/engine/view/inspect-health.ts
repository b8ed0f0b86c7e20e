/** Health checks as docker's `inspect` tells them: how they are set, and what came of them. */
import type { Container, Healthcheck } from "../../store/container-record.ts";
import type { Engine } from "../engine.ts";
import { healthOf } from "./health.ts";

const moment = (ns: bigint): string =>
	`${new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;

/** A part of the state; empty where nothing is checked. */
export function healthView(engine: Engine, container: Container) {
	const health = healthOf(engine, container);
	if (!health) return {};
	const Log = health.log.map(({ start, end, exitCode, output }) => ({
		...{ Start: moment(start), End: moment(end) },
		...{ ExitCode: exitCode, Output: output },
	}));
	return { Health: { Status: health.status, FailingStreak: health.failingStreak, Log } };
}

/** Times in nanoseconds; what is docker's default is left out. */
export const healthcheckView = ({ test, interval, timeout, startPeriod, startInterval, retries }: Healthcheck) => ({
	Test: test,
	...(interval ? { Interval: interval } : {}),
	...(timeout ? { Timeout: timeout } : {}),
	...(startPeriod ? { StartPeriod: startPeriod } : {}),
	...(startInterval ? { StartInterval: startInterval } : {}),
	...(retries ? { Retries: retries } : {}),
});
