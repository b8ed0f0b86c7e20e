/** `system doctor`: what this host has and lacks for each feature, and the way to get it. */
import { detectCgroups } from "../../cgroup/detect.ts";
import type { Paths } from "../../paths.ts";
import { existsSync, readFileSync } from "../../sys/fs.ts";
import { kernelAtLeast, kernelRelease } from "../../sys/kernel.ts";
import { fileSystemType } from "../../sys/stat.ts";
import { type Diagnosis, missing, there } from "./diagnosis.ts";
import { firewalls, network } from "./doctor-network.ts";

const textOf = (path: string): string => {
	try {
		return readFileSync(path, "utf8").trim();
	} catch {
		return "";
	}
};

/** In the order in which a container needs them. */
export const diagnose = (paths: Paths): Diagnosis[] => [
	kernel(),
	...namespaces(),
	overlay(paths),
	...cgroups(),
	seccomp(),
	...network(),
	...firewalls(),
	users(),
	foreignPrograms(),
];

function kernel(): Diagnosis {
	const release = kernelRelease();
	if (kernelAtLeast(5, 12)) return there("Linux", release);
	return missing(
		"Linux",
		`${release}: mount_setattr(2) is missing, containers cannot be started`,
		"Linux 5.12 or later",
		true,
	);
}

const NAMESPACES = {
	pid: "CONFIG_PID_NS",
	uts: "CONFIG_UTS_NS",
	ipc: "CONFIG_IPC_NS",
	mnt: "CONFIG_NAMESPACES",
	net: "CONFIG_NET_NS",
};

function namespaces(): Diagnosis[] {
	const lacking = Object.entries(NAMESPACES).filter(([name]) => !existsSync(`/proc/self/ns/${name}`));
	const forbidden = Object.keys(NAMESPACES).filter((name) => textOf(`/proc/sys/user/max_${name}_namespaces`) === "0");
	if (lacking.length) {
		const names = lacking.map(([name]) => name).join(", ");
		return [
			missing(
				"namespaces",
				`none of ${names}: containers cannot be started`,
				`a kernel with ${lacking.map(([, option]) => option).join(", ")}`,
				true,
			),
		];
	}
	if (forbidden.length) {
		const advice = forbidden.map((name) => `sysctl -w user.max_${name}_namespaces=10000`).join("; ");
		return [
			missing(
				"namespaces",
				`no more of ${forbidden.join(", ")} may be made: containers cannot be started`,
				advice,
				true,
			),
		];
	}
	return [there("namespaces", Object.keys(NAMESPACES).join(", "))];
}

const OVERLAY_MAGIC = 0x794c7630;

function overlay({ root }: Paths): Diagnosis {
	if (!/\boverlay$/m.test(textOf("/proc/filesystems"))) {
		return missing(
			"overlay",
			"containers cannot be started; pull and images work",
			"modprobe overlay (CONFIG_OVERLAY_FS)",
			true,
		);
	}
	if (fileSystemType(root) === OVERLAY_MAGIC) {
		return missing(
			"overlay",
			`${root} is on an overlay itself, which cannot be written through another`,
			"--root DIR on a disk or a tmpfs",
			true,
		);
	}
	return there("overlay", `state in ${root}`);
}

const FLAGS = {
	memory: "--memory",
	cpu: "--cpus",
	cpuset: "--cpuset-cpus",
	pids: "--pids-limit",
	io: "--device-read-bps",
};

function cgroups(): Diagnosis[] {
	const driver = detectCgroups();
	if (!driver)
		return [
			missing(
				"cgroups",
				"only --privileged containers can be started, without limits",
				"mount -t cgroup2 none /sys/fs/cgroup",
				true,
			),
		];
	const has = (name: string): boolean =>
		driver.controllers.has(name) || (name === "io" && driver.controllers.has("blkio"));
	const lacking = Object.entries(FLAGS).filter(([name]) => !has(name));
	const advice =
		driver.version === 2
			? "a kernel, or a cgroup above this one, that gives them (cgroup.controllers)"
			: "a kernel with them (CONFIG_CGROUPS)";
	return [
		there("cgroups", `version ${driver.version}`),
		lacking.length
			? missing(
					"controllers",
					`${lacking.map(([name, flag]) => `${name} (${flag})`).join(", ")}: no limits of these`,
					advice,
				)
			: there("controllers", Object.keys(FLAGS).join(", ")),
	];
}

function seccomp(): Diagnosis {
	if (textOf("/proc/sys/kernel/seccomp/actions_avail").includes("errno"))
		return there("seccomp", "filters of system calls");
	return missing(
		"seccomp",
		"containers can be started with --security-opt seccomp=unconfined only",
		"a kernel with CONFIG_SECCOMP_FILTER",
	);
}

function users(): Diagnosis {
	const most = textOf("/proc/sys/user/max_user_namespaces");
	if (existsSync("/proc/self/ns/user") && most !== "0") return there("user namespaces", "-v …:idmap");
	return missing(
		"user namespaces",
		"-v …:idmap does not work",
		"a kernel with CONFIG_USER_NS, and sysctl -w user.max_user_namespaces=10000",
	);
}

function foreignPrograms(): Diagnosis {
	const status = textOf("/proc/sys/fs/binfmt_misc/status");
	if (status === "enabled")
		return there("binfmt_misc", "images of other architectures, where an interpreter is registered");
	return missing(
		"binfmt_misc",
		"images of other architectures do not run",
		"mount -t binfmt_misc none /proc/sys/fs/binfmt_misc, and qemu-user-static",
	);
}
