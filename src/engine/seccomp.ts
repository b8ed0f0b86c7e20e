/** Which seccomp filter a container gets: docker's default profile, one from a file, or none. */

import * as v from "valibot";
import { EngineError } from "../errors.ts";
import { CAPABILITIES, type Capability, hasCapability } from "../security/capabilities.ts";
import { type ArgumentTest, compileSeccomp, type SeccompAction, type SeccompRule } from "../security/seccomp-bpf.ts";
import { defaultProfile } from "../security/seccomp-profile.ts";
import { type SeccompArch, syscallNumbers } from "../security/syscall-numbers.ts";
import type { HostConfig } from "../store/container-record.ts";
import { readFileSync, renameSync, writeFileSync } from "../sys/fs.ts";

const ARCH: SeccompArch = process.arch === "arm64" ? "aarch64" : "x86_64";
const EPERM = 1;

/** Changes with the default profile and its compiler: filters compiled by another version are not taken. */
const PROFILE_VERSION = 1;

/** Compiling takes 2 ms, reading 0.05. `cacheDir` is the run directory: root's alone, and gone with the boot. */
export function seccompFilter(host: HostConfig, capabilities: bigint, cacheDir: string): Uint8Array | undefined {
	const option = host.securityOpt.findLast((o) => /^seccomp[=:]/.test(o))?.slice("seccomp=".length);
	if (option === "unconfined" || (host.privileged && option === undefined)) return undefined;
	if (option === undefined || option === "builtin") {
		return cached(`${cacheDir}/seccomp-${PROFILE_VERSION}-${capabilities.toString(16)}`, () =>
			compileSeccomp(defaultProfile(capabilities, ARCH), { errno: EPERM }, ARCH, syscallNumbers(ARCH)),
		);
	}
	const { rules, fallback } = readProfile(option, capabilities);
	return compileSeccomp(rules, fallback, ARCH, syscallNumbers(ARCH));
}

function cached(path: string, compile: () => Uint8Array): Uint8Array {
	try {
		return readFileSync(path);
	} catch {
		const bytes = compile();
		const aside = `${path}.${process.pid}`;
		writeFileSync(aside, bytes, { mode: 0o600 });
		renameSync(aside, path);
		return bytes;
	}
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

/** A profile file in docker's format. */
function readProfile(path: string, capabilities: bigint): { rules: SeccompRule[]; fallback: SeccompAction } {
	let json: unknown;
	try {
		json = JSON.parse(readFileSync(path, "utf8"));
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
