/** The flags that `run` and `create` share, and what they mean for the engine. */

import type { CreateOptions } from "../../engine/container/create.ts";
import { EngineError } from "../../errors.ts";
import type { ContainerConfig, HostConfig } from "../../store/container-record.ts";
import { bool, choice, hidden, integer, list, listOf, text, type Values, value } from "../flags/flags.ts";
import { checkedLabel, parseEnv, parseLabels, readEnvFiles } from "../flags/parse-env.ts";
import { parseDns, parseDnsSearch, parseExtraHost, parseSysctl } from "../flags/parse-host.ts";
import { parsePair } from "../flags/parse-pair.ts";
import { parseBytes, parseBytesOrUnlimited, parseCpus, parseUlimit } from "../flags/parse-size.ts";
import { DEVICE_FLAGS, deviceIo } from "./device-flags.ts";
import { explainFlag } from "./explain.ts";
import { HEALTH_FLAGS, healthOptions } from "./health-flags.ts";
import { NAMESPACE_FLAGS, namespaceModes } from "./namespace-flags.ts";
import { networksOf, parseNetwork } from "./network-flags.ts";

/** The grammar of mounts, for a command line that has some. */
const mounts = () => require("../flags/parse-mount.ts") as typeof import("../flags/parse-mount.ts");

/** The same of ports. */
const ports = () => require("../flags/parse-publish.ts") as typeof import("../flags/parse-publish.ts");

/** The same of restart policies. */
const restarts = () => require("../flags/parse-restart.ts") as typeof import("../flags/parse-restart.ts");
const NO_POLICY = { name: "no", maximumRetryCount: 0 } as const;

export const CONTAINER_FLAGS = {
	"add-host": listOf("Add a custom host-to-IP mapping (host:ip)", "list", parseExtraHost),
	annotation: listOf("Add an annotation to the container (kept, and shown by inspect)", "map", parsePair),
	attach: list("Attach to STDIN, STDOUT or STDERR", "a"),
	"cap-add": list("Add Linux capabilities"),
	"cap-drop": list("Drop Linux capabilities"),
	"cgroup-parent": choice("Optional parent cgroup for the container", ""),
	cidfile: text("Write the container ID to the file"),
	"cpu-period": integer("Limit CPU CFS (Completely Fair Scheduler) period"),
	"cpu-quota": integer("Limit CPU CFS (Completely Fair Scheduler) quota"),
	"cpu-shares": integer("CPU shares (relative weight)", "c"),
	cpus: value("Number of CPUs", "decimal", parseCpus),
	"cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
	"cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
	...DEVICE_FLAGS,
	...NAMESPACE_FLAGS,
	...HEALTH_FLAGS,
	dns: listOf("Set custom DNS servers", "list", parseDns),
	"dns-opt": hidden(list("Set DNS options")),
	"dns-option": list("Set DNS options"),
	"dns-search": listOf("Set custom DNS search domains", "list", parseDnsSearch),
	domainname: choice("Container NIS domain name", ""),
	entrypoint: text("Overwrite the default ENTRYPOINT of the image"),
	env: listOf("Set environment variables", "list", (given) => parseEnv(given), "e"),
	"env-file": list("Read in a file of environment variables"),
	explain: explainFlag(),
	expose: listOf("Expose a port or a range of ports", "list", (given) => ports().parseExpose(given)),
	"group-add": list("Add additional groups to join"),
	hostname: text("Container host name", "h"),
	init: bool("Run an init inside the container that forwards signals and reaps processes"),
	interactive: bool("Keep STDIN open even if not attached", "i"),
	ip: choice("IPv4 address (e.g., 172.30.100.104)", ""),
	ip6: choice("IPv6 address (e.g., 2001:db8::33)", ""),
	link: list("Add link to another container"),
	"link-local-ip": list("Container IPv4/IPv6 link-local addresses"),
	label: listOf("Set meta data on a container", "list", checkedLabel, "l"),
	"label-file": list("Read in a line delimited file of labels"),
	"log-driver": value("Logging driver for the container: json-file or none", "string", parseLogDriver),
	"mac-address": choice("Container MAC address (e.g., 92:d0:c6:0a:29:33)", ""),
	memory: value("Memory limit", "bytes", parseBytes, "m"),
	"memory-reservation": value("Memory soft limit", "bytes", parseBytes),
	"memory-swap": value(
		"Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
		"bytes",
		parseBytesOrUnlimited,
	),
	mount: listOf("Attach a filesystem mount to the container", "mount", (given) => mounts().parseMount(given)),
	name: text("Assign a name to the container"),
	net: hidden(listOf("Connect a container to a network", "network", parseNetwork)),
	"net-alias": hidden(list("Add network-scoped alias for the container")),
	network: listOf("Connect a container to a network", "network", parseNetwork),
	"network-alias": list("Add network-scoped alias for the container"),
	"oom-kill-disable": bool("Disable OOM Killer"),
	"oom-score-adj": integer("Tune host's OOM preferences (-1000 to 1000)"),
	"pids-limit": integer("Tune container pids limit (set -1 for unlimited)"),
	platform: text("Set platform if server is multi-platform capable"),
	privileged: bool("Give extended privileges to this container"),
	publish: listOf("Publish a container's port(s) to the host", "list", (given) => ports().parsePublish(given), "p"),
	"publish-all": bool("Publish all exposed ports to random ports", "P"),
	pull: choice('Pull image before running ("always", "missing", "never")', "missing"),
	quiet: bool("Suppress the pull output", "q"),
	"read-only": bool("Mount the container's root filesystem as read only"),
	restart: choice("Restart policy to apply when a container exits", "no"),
	rm: bool("Automatically remove the container and its associated anonymous volumes when it exits"),
	"security-opt": listOf("Security Options", "list", parseSecurityOpt),
	"shm-size": value("Size of /dev/shm", "bytes", parseBytes),
	"stop-signal": text("Signal to stop the container"),
	"stop-timeout": integer("Timeout (in seconds) to stop a container"),
	sysctl: listOf("Sysctl options", "map", parseSysctl),
	tmpfs: list("Mount a tmpfs directory"),
	tty: bool("Allocate a pseudo-TTY", "t"),
	ulimit: listOf("Ulimit options", "ulimit", parseUlimit),
	user: text("Username or UID (format: <name|uid>[:<group|gid>])", "u"),
	volume: list("Bind mount a volume", "v"),
	"volume-driver": value("Optional volume driver for the container", "string", parseVolumeDriver),
	"volumes-from": list("Mount volumes from the specified container(s)"),
	workdir: text("Working directory inside the container", "w"),
};

export type ContainerFlags = Values<typeof CONTAINER_FLAGS>;

function parseVolumeDriver(name: string): string {
	if (name === "local" || name === "") return "local";
	throw new Error(`volume driver "${name}" is not supported: there is only "local"`);
}

function parseLogDriver(name: string): "json-file" | "none" {
	if (name === "json-file" || name === "none") return name;
	throw new Error(`logging driver "${name}" is not supported: use json-file or none`);
}

function parseSecurityOpt(option: string): string {
	if (/^no-new-privileges([:=](true|false))?$/.test(option) || /^seccomp[:=]./.test(option)) return option;
	// What these ask for is how it is: no container is confined by either.
	if (/^(apparmor[:=]unconfined|label[:=]disable|systempaths[:=]unconfined)$/.test(option)) return option;
	if (/^(apparmor|label|systempaths)[:=]/.test(option)) throw new Error(`security option "${option}" is not supported`);
	throw new Error(`invalid --security-opt: "${option}"`);
}

function attachedStreams(flags: ContainerFlags, detached: boolean): ContainerConfig["attach"] {
	const streams = flags.attach.map((name) => {
		const stream = name.toLowerCase();
		if (stream !== "stdin" && stream !== "stdout" && stream !== "stderr") {
			throw new EngineError("usage", "valid streams are STDIN, STDOUT and STDERR");
		}
		return stream;
	});
	if (streams.length) return streams;
	if (detached) return [];
	return flags.interactive ? ["stdin", "stdout", "stderr"] : ["stdout", "stderr"];
}

/** What the user asked for, with docker's defaults. */
export function createOptions(flags: ContainerFlags, args: readonly string[], detached: boolean): CreateOptions {
	const [image = "", ...command] = args;
	const { networkMode, networks } = networksOf(flags);
	return {
		image,
		command,
		name: flags.name,
		entrypoint: flags.entrypoint,
		env: [...readEnvFiles(flags["env-file"]), ...flags.env.flat()],
		labels: parseLabels(flags.label, flags["label-file"]),
		user: flags.user,
		workingDir: flags.workdir,
		hostname: flags.hostname,
		domainname: flags.domainname,
		macAddress: flags["mac-address"],
		tty: flags.tty,
		openStdin: flags.interactive,
		attach: attachedStreams(flags, detached),
		stopSignal: flags["stop-signal"],
		healthcheck: healthOptions(flags),
		stopTimeout: flags["stop-timeout"],
		volumes: volumeSettings(flags.mount),
		networks,
		exposedPorts: flags.expose.flat(),
		host: hostConfig(flags, networkMode),
	};
}

export function volumeSettings(mounts: ContainerFlags["mount"]): CreateOptions["volumes"] {
	const all: Record<string, CreateOptions["volumes"][string]> = {};
	for (const { mount, labels, volumeOptions: options } of mounts)
		if (mount.type === "volume") all[mount.source || mount.destination] = { labels, options };
	return all;
}

/** Mistakes in these are told by docker's engine, without the command's usage. */
function asked<T>(texts: readonly string[], parse: (text: string) => T): T[] {
	try {
		return texts.map(parse);
	} catch (error) {
		throw new EngineError("invalid", (error as Error).message);
	}
}

const DEFAULT_SHM = 64 * 1024 * 1024;

function hostConfig(flags: ContainerFlags, networkMode: string): HostConfig {
	const volumes = asked(flags.volume, (given) => mounts().parseVolume(given));
	const named = volumes.filter(({ source }) => source !== "");
	const binds = named.map(({ source, destination, readonly, options }) =>
		[source, destination, [...(readonly ? ["ro"] : []), ...options].join(",")].filter(Boolean).join(":"),
	);
	return {
		annotations: flags.annotation.length ? Object.fromEntries(flags.annotation) : {},
		autoRemove: flags.rm,
		binds,
		capAdd: [...flags["cap-add"]],
		capDrop: [...flags["cap-drop"]],
		cgroupParent: flags["cgroup-parent"],
		...namespaceModes(flags),
		deviceCgroupRules: [...flags["device-cgroup-rule"]],
		devices: [...flags.device],
		dns: [...flags.dns],
		dnsOptions: [...flags["dns-option"], ...flags["dns-opt"]],
		dnsSearch: [...flags["dns-search"]],
		extraHosts: [...flags["add-host"]],
		groupAdd: [...flags["group-add"]],
		init: flags.init,
		logDriver: flags["log-driver"] ?? "json-file",
		mounts: [
			...volumes,
			...flags.mount.map(({ mount }) => mount),
			...asked(flags.tmpfs, (given) => mounts().parseTmpfs(given)),
		],
		networkMode,
		oomScoreAdj: checkOomScore(flags["oom-score-adj"] ?? 0),
		portBindings: flags.publish.flat(),
		privileged: flags.privileged,
		publishAllPorts: flags["publish-all"],
		readonlyRootfs: flags["read-only"],
		restartPolicy: flags.restart === "no" ? NO_POLICY : restarts().restartPolicyOf(flags.restart, flags.rm),
		resources: {
			memory: flags.memory,
			memorySwap: flags["memory-swap"],
			memoryReservation: flags["memory-reservation"],
			oomKillDisable: flags["oom-kill-disable"] || undefined,
			nanoCpus: flags.cpus,
			cpuShares: flags["cpu-shares"],
			cpuQuota: flags["cpu-quota"],
			cpuPeriod: flags["cpu-period"],
			cpusetCpus: flags["cpuset-cpus"],
			cpusetMems: flags["cpuset-mems"],
			pidsLimit: flags["pids-limit"],
			blkioWeight: flags["blkio-weight"] || undefined,
			deviceIo: deviceIo(flags),
		},
		securityOpt: [...flags["security-opt"]],
		shmSize: flags["shm-size"] || DEFAULT_SHM,
		sysctls: flags.sysctl.length ? Object.fromEntries(flags.sysctl) : {},
		ulimits: flags.ulimit.filter(({ name }, i) => flags.ulimit.findLastIndex((other) => other.name === name) === i),
		volumesFrom: [...flags["volumes-from"]],
	};
}

function checkOomScore(score: number): number {
	if (score < -1000 || score > 1000) {
		throw new EngineError("invalid", `Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
	}
	return score;
}
