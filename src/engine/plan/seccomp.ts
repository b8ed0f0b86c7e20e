/** Which seccomp filter a container gets: docker's default profile, one from a file, or none. */

import type { HostConfig } from "../../store/container-record.ts";
import { readFileSync, renameSync, writeFileSync } from "../../sys/fs.ts";
import { seccompCompiler } from "./lazy.ts";

/** Changes with the default profile and its compiler: filters compiled by another version are not taken. */
const PROFILE_VERSION = 1;

/** Compiling takes 2 ms, reading 0.05. `cacheDir` is the run directory: root's alone, and gone with the boot. */
export function seccompFilter(host: HostConfig, capabilities: bigint, cacheDir: string): Uint8Array | undefined {
	const option = seccompOption(host.securityOpt);
	if (option === "unconfined" || (host.privileged && option === undefined)) return undefined;
	if (option === undefined || option === "builtin") {
		const path = `${cacheDir}/seccomp-${PROFILE_VERSION}-${capabilities.toString(16)}`;
		return cached(path, () => seccompCompiler().compileDefault(capabilities));
	}
	return seccompCompiler().compileFile(option, capabilities);
}

/** What the last `--security-opt seccomp=…` asks for. */
function seccompOption(securityOpt: readonly string[]): string | undefined {
	let asked: string | undefined;
	for (const option of securityOpt) {
		if (option.startsWith("seccomp=") || option.startsWith("seccomp:")) asked = option.slice("seccomp=".length);
	}
	return asked;
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
