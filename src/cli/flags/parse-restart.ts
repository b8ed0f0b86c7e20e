/** `--restart`: docker's policies. Pure; throws EngineError in docker's words. */
import { EngineError } from "../../errors.ts";
import type { HostConfig } from "../../store/container-record.ts";

type Policy = HostConfig["restartPolicy"];

const NAMES = ["no", "always", "on-failure", "unless-stopped"] as const;

/** "no", "always", "unless-stopped", "on-failure[:times]"; empty is "no". */
export function parseRestart(text: string): Policy {
	const invalid = (reason: string) => new EngineError("invalid", `invalid restart policy: ${reason}`);
	if (text === "") return { name: "no", maximumRetryCount: 0 };
	const [word = "", count, ...more] = text.split(":");
	if (more.length)
		throw new EngineError("usage", "invalid restart policy format: maximum retry count must be an integer");
	if (count !== undefined && !/^-?\d+$/.test(count)) {
		throw new EngineError("usage", "invalid restart policy format: maximum retry count must be an integer");
	}
	const name = NAMES.find((one) => one === word);
	if (!name) {
		throw invalid(`unknown policy '${word}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
	}
	const maximumRetryCount = Number(count ?? 0);
	if (maximumRetryCount < 0) throw invalid("maximum retry count cannot be negative");
	if (maximumRetryCount > 0 && name !== "on-failure") {
		throw invalid("maximum retry count can only be used with 'on-failure'");
	}
	return { name, maximumRetryCount };
}

/** Throws EngineError where it goes with --rm. */
export function restartPolicyOf(text: string, isRemoved: boolean): Policy {
	const policy = parseRestart(text);
	if (isRemoved && policy.name !== "no") {
		throw new EngineError("usage", "conflicting options: cannot specify both --restart and --rm");
	}
	return policy;
}
