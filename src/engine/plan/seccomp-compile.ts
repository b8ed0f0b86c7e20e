/** Compiles docker's default seccomp profile, or one from a file in docker's format, for this machine. */

import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { CAPABILITIES, type Capability, hasCapability } from "../../security/capabilities.ts";
import { type ArgumentTest, compileSeccomp, type SeccompAction, type SeccompRule } from "../../security/seccomp-bpf.ts";
import { defaultProfile } from "../../security/seccomp-profile.ts";
import { type SeccompArch, syscallNumbers } from "../../security/syscall-numbers.ts";
import { readInputFile } from "../../sys/input-file.ts";

const ARCH: SeccompArch = process.arch === "arm64" ? "aarch64" : "x86_64";
const EPERM = 1;

/** docker's own profile, which depends on the capabilities. */
export const compileDefault = (capabilities: bigint): Uint8Array =>
	compileSeccomp(defaultProfile(capabilities, ARCH), { errno: EPERM }, ARCH, syscallNumbers(ARCH));

/** A profile file. Throws EngineError when it is not there, or no profile. */
export function compileFile(path: string, capabilities: bigint): Uint8Array {
	const { rules, fallback } = readProfile(path, capabilities);
	return compileSeccomp(rules, fallback, ARCH, syscallNumbers(ARCH));
}

/** JSON numbers beyond 2^53 are rounded by whoever parses them: better refused than matched wrongly. */
const word = v.pipe(v.number(), v.safeInteger("is too large a number to be exact"), v.minValue(0));

const Condition = v.optional(
	v.nullable(v.object({ caps: v.optional(v.array(v.string())), arches: v.optional(v.array(v.string())) })),
);
const Profile = v.object({
	defaultAction: v.string(),
	defaultErrnoRet: v.optional(v.number()),
	syscalls: v.array(
		v.object({
			names: v.array(v.string()),
			action: v.string(),
			errnoRet: v.optional(v.number()),
			args: v.optional(
				v.nullable(
					v.array(v.object({ index: v.number(), value: word, valueTwo: v.optional(word, 0), op: v.string() })),
				),
			),
			includes: Condition,
			excludes: Condition,
		}),
	),
});

const OPERATORS: Readonly<Record<string, ArgumentTest["op"]>> = {
	SCMP_CMP_EQ: "eq",
	SCMP_CMP_NE: "ne",
	SCMP_CMP_GT: "gt",
	SCMP_CMP_GE: "ge",
	SCMP_CMP_LT: "lt",
	SCMP_CMP_LE: "le",
	SCMP_CMP_MASKED_EQ: "masked-eq",
};

function actionOf(name: string, errno: number | undefined): SeccompAction {
	switch (name) {
		case "SCMP_ACT_ALLOW":
		case "SCMP_ACT_LOG":
			return { allow: true };
		case "SCMP_ACT_ERRNO":
			return { errno: errno ?? EPERM };
		case "SCMP_ACT_KILL":
		case "SCMP_ACT_KILL_PROCESS":
		case "SCMP_ACT_KILL_THREAD":
			return { kill: true };
		default:
			throw new EngineError("invalid", `seccomp profile: action ${name} is not supported`);
	}
}

/** docker's own has 15 kB. */
const MAX_PROFILE = 4 * 1024 * 1024;

/** A profile file in docker's format. */
function readProfile(path: string, capabilities: bigint): { rules: SeccompRule[]; fallback: SeccompAction } {
	let json: unknown;
	try {
		json = JSON.parse(new TextDecoder().decode(readInputFile(path, MAX_PROFILE)));
	} catch (error) {
		throw new EngineError("invalid", `opening seccomp profile (${path}) failed: ${(error as Error).message}`);
	}
	const result = v.safeParse(Profile, json);
	if (!result.success) {
		throw new EngineError("invalid", `seccomp profile ${path} is malformed: ${result.issues[0]?.message}`);
	}
	const { output } = result;
	const has = (names: readonly string[] | undefined): boolean =>
		(names ?? []).every((cap) => {
			const name = cap.replace(/^CAP_/, "") as Capability;
			return CAPABILITIES.includes(name) && hasCapability(capabilities, name);
		});
	const applies = output.syscalls.filter(({ includes, excludes }) => {
		const arch = ARCH === "aarch64" ? "arm64" : "amd64";
		if (includes?.arches && !includes.arches.includes(arch)) return false;
		if (excludes?.arches?.includes(arch)) return false;
		return has(includes?.caps) && !(excludes?.caps?.length && has(excludes.caps));
	});
	return {
		fallback: actionOf(output.defaultAction, output.defaultErrnoRet),
		rules: applies.map((rule) => ({
			names: rule.names,
			action: actionOf(rule.action, rule.errnoRet),
			args: (rule.args ?? []).map((arg) => {
				const op = OPERATORS[arg.op];
				if (!op) throw new EngineError("invalid", `seccomp profile: operator ${arg.op} is not supported`);
				return { index: arg.index, op, value: BigInt(arg.value), valueTwo: BigInt(arg.valueTwo) };
			}),
		})),
	};
}
