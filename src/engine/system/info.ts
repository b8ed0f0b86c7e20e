/** `info`: this engine and its host, in the shape and under the names of docker's API (GET /info). */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, hostname, release, totalmem } from "node:os";
import { listContainers } from "../../store/containers.ts";
import { listImages } from "../../store/images.ts";
import { fileSystemType } from "../../sys/stat.ts";
import { readConfig } from "../config.ts";
import type { Engine } from "../engine.ts";
import { engineId } from "./engine-id.ts";
import { missingFeatures } from "./features.ts";

export type Info = ReturnType<typeof systemInfo>;

/** statfs(2), f_type → docker's words. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
	61267: "extfs",
	1481003842: "xfs",
	2435016766: "btrfs",
	16914836: "tmpfs",
	2035054128: "overlayfs",
	801189825: "zfs",
	4076150800: "f2fs",
};

/** Loopback may always be spoken to without TLS. */
const LOOPBACK = ["::1/128", "127.0.0.0/8"];

/** `version`: of this program. */
export function systemInfo(engine: Engine, version: string) {
	const { paths, cgroups } = engine;
	const containers = listContainers(engine.db);
	const running = containers.filter(({ state }) => state.status === "running").length;
	const has = (controller: string): boolean => cgroups?.controllers.has(controller) ?? false;
	const { insecureRegistries, registryMirrors } = readConfig();
	const release_ = osRelease();
	return {
		ID: engineId(paths),
		Containers: containers.length,
		ContainersRunning: running,
		ContainersPaused: 0,
		ContainersStopped: containers.length - running,
		Images: listImages(engine.db).length,
		Driver: "overlay2",
		DriverStatus: [
			["Backing Filesystem", FILE_SYSTEMS[fileSystemType(paths.root) ?? 0] ?? "<unknown>"],
			["Supports d_type", "true"], // overlay refuses file systems without
			["userxattr", "false"],
		],
		Plugins: { Volume: ["local"], Network: ["bridge", "host", "null"], Authorization: null, Log: ["json-file"] },
		MemoryLimit: has("memory"),
		SwapLimit: swapIsLimited(cgroups?.version),
		CpuCfsPeriod: has("cpu"),
		CpuCfsQuota: has("cpu"),
		CPUShares: has("cpu"),
		CPUSet: has("cpuset"),
		PidsLimit: has("pids"),
		IPv4Forwarding: flag("/proc/sys/net/ipv4/ip_forward"),
		BridgeNfIptables: flag("/proc/sys/net/bridge/bridge-nf-call-iptables"),
		BridgeNfIp6tables: flag("/proc/sys/net/bridge/bridge-nf-call-ip6tables"),
		Debug: false,
		OomKillDisable: cgroups?.version === 1 && has("memory"),
		SystemTime: new Date().toISOString(),
		LoggingDriver: "json-file",
		CgroupDriver: cgroups ? "cgroupfs" : "none",
		CgroupVersion: String(cgroups?.version ?? 0),
		KernelVersion: release(),
		OperatingSystem: release_.PRETTY_NAME ?? "Linux",
		OSVersion: release_.VERSION_ID ?? "",
		OSType: "linux",
		Architecture: process.arch === "arm64" ? "aarch64" : "x86_64",
		IndexServerAddress: "https://index.docker.io/v1/",
		RegistryConfig: {
			InsecureRegistryCIDRs: [...LOOPBACK, ...insecureRegistries.filter((name) => name.includes("/"))],
			IndexConfigs: {
				"docker.io": { Name: "docker.io", Mirrors: registryMirrors, Secure: true, Official: true },
				...Object.fromEntries(
					insecureRegistries
						.filter((name) => !name.includes("/"))
						.map((name) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }]),
				),
			},
			Mirrors: registryMirrors,
		},
		NCPU: availableParallelism(),
		MemTotal: totalmem(),
		GenericResources: null,
		DockerRootDir: paths.root,
		HttpProxy: environment("HTTP_PROXY"),
		HttpsProxy: environment("HTTPS_PROXY"),
		NoProxy: environment("NO_PROXY"),
		Name: hostname(),
		Labels: [],
		ExperimentalBuild: false,
		ServerVersion: version,
		Runtimes: { nanocontainer: { path: engine.self[0] ?? "" } },
		DefaultRuntime: "nanocontainer",
		Swarm: {
			NodeID: "",
			NodeAddr: "",
			LocalNodeState: "inactive",
			ControlAvailable: false,
			Error: "",
			RemoteManagers: null,
		},
		LiveRestoreEnabled: true, // containers go on without a daemon: there is none
		Isolation: "",
		InitBinary: "docker-init",
		SecurityOptions: ["name=seccomp,profile=builtin", ...(cgroups ? ["name=cgroupns"] : [])],
		Warnings: missingFeatures(engine),
	};
}

function osRelease(): Readonly<Record<string, string>> {
	try {
		const lines = readFileSync("/etc/os-release", "utf8").matchAll(/^(\w+)="?(.*?)"?$/gm);
		return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
	} catch {
		return {};
	}
}

/** v1 has a file for it in the root, where it can be limited; v2 has one in every cgroup but the root. */
const swapIsLimited = (version: number | undefined): boolean =>
	version === 1 ? existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes") : version === 2;

function flag(path: string): boolean {
	try {
		return readFileSync(path, "latin1").trim() === "1";
	} catch {
		return false;
	}
}

const environment = (name: string): string => process.env[name] ?? process.env[name.toLowerCase()] ?? "";
