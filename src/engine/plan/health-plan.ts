/**
 * Health checks, as the monitor is given them: how often and how patiently, and the plan of the program that is run, which is that of
 * an exec. Twin of struct health_conf in native/health.h; the container's process and root are put in by the monitor.
 */
import type { Membership } from "../../cgroup/driver.ts";
import { op } from "../../runtime/operations.ts";
import { encodePlan } from "../../runtime/plan-encode.ts";
import { compileExecPlan } from "../../runtime/plan-exec.ts";
import { availableCapabilities } from "../../security/available.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import type { Container, Healthcheck } from "../../store/container-record.ts";
import type { Engine } from "../engine.ts";
import { layersOf, userOf } from "./container-plan.ts";
import { processConfig } from "./oci-config.ts";
import { seccompFilter } from "./seccomp.ts";

const HEADER_SIZE = 64;
const NS_PER_MS = 1e6;
/** What poll(2) can wait. */
const LONGEST_MS = 2 ** 31 - 1;
/** docker's defaults, in nanoseconds. */
const DEFAULTS = { interval: 30e9, timeout: 30e9, startPeriod: 0, startInterval: 5e9, retries: 3 };
const ON_FAILURE: Readonly<Record<Healthcheck["onFailure"], number>> = { none: 0, kill: 1, restart: 2, stop: 3 };
/** As many digits as a pid has at most: the monitor writes its own there. */
const LONGEST_PID = 4194304;

export function healthPlan(
	engine: Engine,
	container: Container,
	check: Healthcheck,
	membership: Membership | undefined,
): Uint8Array {
	const { host } = container.config;
	const capabilities = containerCapabilities(
		{ privileged: host.privileged, add: host.capAdd, drop: host.capDrop },
		availableCapabilities(),
	);
	const tree = [engine.paths.container(container.id).upper, ...layersOf(engine, container)];
	const process = processConfig(container, { user: userOf(container.config, tree), capabilities });
	const plan = compileExecPlan(
		{ ...process, terminal: false, args: argumentsOf(check.test) },
		{
			monitor: op.monitor(0, 0, []),
			...{ pidfd: -1, pid: LONGEST_PID, root: { dev: 0n, ino: 0n } },
			cgroupJoins: membership?.procs ?? [],
			terminalSize: { rows: 0, columns: 0 },
			seccomp: seccompFilter(host, capabilities, engine.paths.run),
		},
	);
	const { bytes } = encodePlan({ cloneFlags: 0, cgroupFd: -1, pidNamespaceFd: -1 }, plan);
	const file = new Uint8Array(HEADER_SIZE + bytes.length);
	file.set(header(check));
	file.set(bytes, HEADER_SIZE);
	return file;
}

const argumentsOf = ([kind, ...words]: readonly string[]): string[] =>
	kind === "CMD-SHELL" ? ["/bin/sh", "-c", ...words] : words;

function header(check: Healthcheck): Uint8Array {
	const bytes = new Uint8Array(HEADER_SIZE);
	const view = new DataView(bytes.buffer);
	for (const [i, name] of (["interval", "timeout", "startPeriod", "startInterval"] as const).entries()) {
		view.setBigUint64(
			8 * i,
			BigInt(Math.min(Math.ceil((check[name] || DEFAULTS[name]) / NS_PER_MS), LONGEST_MS)),
			true,
		);
	}
	view.setUint32(32, check.retries || DEFAULTS.retries, true);
	view.setUint32(36, ON_FAILURE[check.onFailure], true);
	return bytes;
}
