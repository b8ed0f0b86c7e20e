/**
 * The instructions that change only the image's configuration. Pure but for the `Defaults` they are given to change.
 * Each returns how the history tells it, in BuildKit's words.
 */
import { EngineError } from "../../errors.ts";
import { parseSignal } from "../../runtime/signals.ts";
import type { Arg, CommandLine, StageInstruction } from "../dockerfile/instruction.ts";
import type { Scope } from "../dockerfile/scope.ts";
import { expandArgs } from "../dockerfile/stages.ts";
import { resolvePath } from "../files/path.ts";
import type { Defaults } from "../session/image-config.ts";

export type MetadataInstruction = Exclude<StageInstruction, { kind: "RUN" | "COPY" | "ADD" }>;

const DEFAULT_SHELL = ["/bin/sh", "-c"];

/** Go's %q of a list of strings. */
const quotedList = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;

/** The words that are executed for a shell-form or exec-form command. */
export function commandOf(command: CommandLine, defaults: Defaults): string[] {
	return command.shell ? [...(defaults.shell ?? DEFAULT_SHELL), ...command.args] : [...command.args];
}

export function applyMetadata(
	instruction: MetadataInstruction,
	defaults: Defaults,
	scope: Scope,
	escapeChar: string,
): string {
	switch (instruction.kind) {
		case "ARG":
			return `ARG ${declareArgs(instruction, scope, escapeChar).join(" ")}`;
		case "ENV":
		case "LABEL": {
			// All values see the variables from before the instruction.
			const pairs = instruction.pairs.map(({ name, value }) => [scope.word(name), scope.word(value)] as const);
			for (const [name, value] of pairs) (instruction.kind === "ENV" ? defaults.env : defaults.labels).set(name, value);
			return `${instruction.kind} ${pairs.map(([name, value]) => `${name}=${value}`).join(" ")}`;
		}
		case "CMD": {
			const args = commandOf(instruction.command, defaults);
			defaults.cmd = args;
			defaults.cmdIsOwn = true;
			return `CMD ${quotedList(args)}`;
		}
		case "ENTRYPOINT": {
			const args = commandOf(instruction.command, defaults);
			defaults.entrypoint = args;
			if (!defaults.cmdIsOwn) defaults.cmd = undefined;
			return `ENTRYPOINT ${quotedList(args)}`;
		}
		case "HEALTHCHECK": {
			const { test, interval, timeout, startPeriod, startInterval, retries } = instruction;
			defaults.healthcheck = {
				Test: [...test],
				...(interval ? { Interval: interval } : {}),
				...(timeout ? { Timeout: timeout } : {}),
				...(startPeriod ? { StartPeriod: startPeriod } : {}),
				...(startInterval ? { StartInterval: startInterval } : {}),
				...(retries ? { Retries: retries } : {}),
			};
			return `HEALTHCHECK ${quotedList(test)}`;
		}
		case "EXPOSE": {
			const ports = instruction.values.flatMap((value) => scope.words(value)).flatMap(parsePort);
			for (const port of ports) defaults.exposedPorts.add(port);
			return `EXPOSE [${ports.join(" ")}]`;
		}
		case "VOLUME": {
			const volumes = instruction.values.map((value) => scope.word(value));
			if (volumes.includes("")) throw new EngineError("invalid", "VOLUME specified can not be an empty string");
			for (const volume of volumes) defaults.volumes.add(volume);
			return `VOLUME [${volumes.join(" ")}]`;
		}
		case "SHELL":
			defaults.shell = instruction.values;
			return `SHELL [${instruction.values.join(" ")}]`;
		case "ONBUILD":
			defaults.onbuild = [...defaults.onbuild, instruction.trigger];
			return `ONBUILD ${instruction.trigger}`;
		case "WORKDIR":
			defaults.workingDir = resolvePath(defaults.workingDir, scope.word(instruction.value));
			return `WORKDIR ${defaults.workingDir}`;
		case "USER":
			defaults.user = scope.word(instruction.value);
			return `USER ${defaults.user}`;
		case "STOPSIGNAL": {
			const signal = scope.word(instruction.value);
			if (parseSignal(signal) === undefined) throw new EngineError("invalid", `Invalid signal: ${signal}`);
			defaults.stopSignal = signal;
			return `STOPSIGNAL ${signal}`;
		}
		case "MAINTAINER":
			defaults.author = instruction.value;
			return `MAINTAINER ${instruction.value}`;
	}
}

function declareArgs(instruction: Arg, scope: Scope, escapeChar: string): string[] {
	return instruction.args.map((arg) => {
		// One after the other: a later default may use an earlier argument.
		const expanded = expandArgs({ ...instruction, args: [arg] }, escapeChar, (variable) => scope.lookup(variable));
		const { name, value } = expanded[0] ?? { name: arg.name, value: () => arg.value };
		const chosen = scope.declare(name, value);
		return chosen === undefined ? name : `${name}=${chosen}`;
	});
}

/** "80", "80/udp", "8000-8002": each port with its protocol. */
export function parsePort(text: string): string[] {
	const match = /^(?:\[[^\]]*\]:|[^:]*:)?(?:\d*(?:-\d+)?:)?(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
	const first = Number(match?.[1]);
	const last = Number(match?.[2] ?? match?.[1]);
	if (!match || first > 65535 || last > 65535 || last < first) {
		throw new EngineError("invalid", `invalid containerPort: ${text}`);
	}
	const protocol = (match[3] ?? "tcp").toLowerCase();
	return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
}
