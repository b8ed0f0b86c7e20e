/** Device rules on a cgroup: by eBPF on a v2 directory, by the devices controller on v1. */
import { EngineError } from "../errors.ts";
import { attachDeviceProgram } from "../sys/bpf.ts";
import { SyscallError } from "../sys/errno.ts";
import { openDir } from "../sys/file.ts";
import { compileDeviceRules, type DeviceRule } from "./device-bpf.ts";
import { makeDirectory, writeControl } from "./directory.ts";

/** `directory` is in a v2 tree, a hybrid host's too. */
export function restrictByProgram(directory: string, rules: readonly DeviceRule[]): void {
	using cgroup = openDir(directory);
	try {
		attachDeviceProgram(cgroup.number, compileDeviceRules(rules));
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		throw new EngineError(
			"unsupported",
			`This kernel cannot restrict a container's devices (CONFIG_CGROUP_BPF): ${error.message}. Only --privileged containers can be started`,
			{ cause: error },
		);
	}
}

/** cgroup-v1/devices.rst: first nothing, then each rule. */
export function restrictByController(directory: string, rules: readonly DeviceRule[]): void {
	makeDirectory(directory);
	writeControl(`${directory}/devices.deny`, "a");
	for (const { type, major, minor, access } of rules) {
		writeControl(`${directory}/devices.allow`, `${type} ${major ?? "*"}:${minor ?? "*"} ${access}`);
	}
}
