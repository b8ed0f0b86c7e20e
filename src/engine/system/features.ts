/** What this kernel lacks, in sentences: which feature, and what still works without it. */
import { existsSync, readFileSync } from "node:fs";
import { SyscallError } from "../../sys/errno.ts";
import { kernelAtLeast } from "../../sys/kernel.ts";
import { NfTables } from "../../sys/nf-tables.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import type { Engine } from "../engine.ts";

const NAMESPACES = {
	pid: "CONFIG_PID_NS",
	uts: "CONFIG_UTS_NS",
	ipc: "CONFIG_IPC_NS",
	mnt: "CONFIG_NAMESPACES",
	net: "CONFIG_NET_NS",
	cgroup: "CONFIG_CGROUPS",
};

export function missingFeatures(engine: Engine): string[] {
	const missing: string[] = [];
	if (!kernelAtLeast(5, 12))
		missing.push("This kernel is older than 5.12: mount_setattr(2) is missing, containers cannot be started");
	const filesystems = readFileSync("/proc/filesystems", "latin1");
	if (!/\boverlay$/m.test(filesystems)) {
		missing.push(
			"No overlay file system (module overlay, loaded on first use if it is there): without it containers cannot be started; pull and images work",
		);
	}
	for (const [name, option] of Object.entries(NAMESPACES)) {
		if (!existsSync(`/proc/self/ns/${name}`))
			missing.push(`No ${name} namespaces (${option}): containers cannot be started`);
	}
	missing.push(...missingControllers(engine));
	try {
		using tables = new NfTables();
		tables.generation();
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		missing.push("No nf_tables: --network bridge does not work; --network none and host do");
	}
	using rtnetlink = new Rtnetlink();
	if (!rtnetlink.hasDefaultRoute()) {
		missing.push(
			"No default route: containers reach each other and this host, not the outside, and images cannot be pulled; what is here runs (ip route add default via ADDRESS)",
		);
	}
	return missing;
}

function missingControllers({ cgroups }: Engine): string[] {
	if (!cgroups)
		return ["No cgroup file system is mounted: only --privileged containers can be started, without limits"];
	const flags: Record<string, string> = {
		memory: "--memory",
		cpu: "--cpus",
		cpuset: "--cpuset-cpus",
		pids: "--pids-limit",
	};
	return Object.entries(flags)
		.filter(([controller]) => !cgroups.controllers.has(controller))
		.map(([controller, flag]) => `No ${controller} cgroup controller: ${flag} has no effect; everything else works`);
}
