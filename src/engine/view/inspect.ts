/** `inspect`: records as docker shows them (docker-behaviour: API names, nanoseconds, Go's zero values). */

import { MASKED_PATHS, READONLY_PATHS } from "../../security/paths.ts";
import type { Container, MountPoint } from "../../store/container-record.ts";
import { layerPath } from "../../store/layers.ts";
import type { Engine } from "../engine.ts";
import { healthcheckView, healthView } from "./inspect-health.ts";
import { networkSettings, portBindings } from "./inspect-network.ts";
import { shownStatus } from "./list.ts";

const time = (ms: number | null): string => (ms === null ? "0001-01-01T00:00:00Z" : new Date(ms).toISOString());
const orNull = <T>(list: readonly T[]): readonly T[] | null => (list.length ? list : null);
const setOf = (keys: readonly string[]) => (keys.length ? Object.fromEntries(keys.map((key) => [key, {}])) : undefined);

export function inspectContainer(engine: Engine, container: Container): object {
	const { id, config, state } = container;
	const files = engine.paths.container(id);
	const command = [...(config.entrypoint ?? []), ...config.cmd];
	return {
		Id: id,
		Created: time(container.created),
		Path: command[0] ?? "",
		Args: command.slice(1),
		State: {
			Status: shownStatus(container),
			Running: state.status === "running" || state.status === "restarting",
			Paused: shownStatus(container) === "paused",
			Restarting: state.status === "restarting",
			OOMKilled: state.oomKilled,
			Dead: state.status === "dead",
			Pid: state.status === "running" ? (state.init?.pid ?? 0) : 0,
			ExitCode: state.exitCode,
			Error: state.error,
			StartedAt: time(state.startedAt),
			FinishedAt: time(state.finishedAt),
			...healthView(engine, container),
		},
		Image: config.imageId,
		ResolvConfPath: files.resolvConf,
		HostnamePath: files.hostname,
		HostsPath: files.hosts,
		LogPath: config.host.logDriver === "none" ? "" : files.log,
		Name: `/${container.name}`,
		RestartCount: state.restartCount,
		Driver: "overlay2",
		Platform: "linux",
		MountLabel: "",
		ProcessLabel: "",
		AppArmorProfile: "",
		ExecIDs: null,
		HostConfig: hostConfig(container),
		GraphDriver: graphDriver(engine, container),
		Mounts: config.host.mounts.filter((mount) => mount.listed).map((mount) => mountView(engine, mount)),
		Config: configView(container),
		NetworkSettings: networkSettings(engine, container),
	};
}

/** "net_admin" → "CAP_NET_ADMIN"; ALL stays. */
function capabilityName(name: string): string {
	const upper = name.toUpperCase();
	return upper === "ALL" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
}

/** Of -v, and so told by Binds. */
const isBindText = (binds: readonly string[], mount: MountPoint): boolean =>
	binds.some((bind) => bind === mount.destination || bind.split(":").includes(mount.destination));

/** As docker has them: "/web:/me/alias". */
const linksOf = ({ name, state }: Container): string[] =>
	state.endpoints.flatMap(({ links }) => links.map((link) => `/${link.replace(":", `:/${name}/`)}`));

function hostConfig(container: Container): object {
	const { host } = container.config;
	const r = host.resources;
	const rates = (limit: string) => {
		const found = (r.deviceIo ?? []).filter((rate) => rate.limit === limit);
		return found.length ? found.map(({ path, rate }) => ({ Path: path, Rate: rate })) : null;
	};
	return {
		Binds: orNull(host.binds),
		ContainerIDFile: "",
		LogConfig: { Type: host.logDriver, Config: {} },
		NetworkMode: host.networkMode,
		PortBindings: portBindings(host),
		RestartPolicy: { Name: host.restartPolicy.name, MaximumRetryCount: host.restartPolicy.maximumRetryCount },
		...(Object.keys(host.annotations).length ? { Annotations: host.annotations } : {}),
		AutoRemove: host.autoRemove,
		VolumeDriver: "",
		VolumesFrom: orNull(host.volumesFrom),
		ConsoleSize: [0, 0],
		CapAdd: orNull(host.capAdd.map(capabilityName)),
		CapDrop: orNull(host.capDrop.map(capabilityName)),
		CgroupnsMode: host.cgroupnsMode ?? "private",
		Dns: host.dns,
		DnsOptions: host.dnsOptions,
		DnsSearch: host.dnsSearch,
		ExtraHosts: orNull(host.extraHosts),
		GroupAdd: orNull(host.groupAdd),
		IpcMode: host.ipcMode,
		Cgroup: "",
		Links: orNull(linksOf(container)),
		OomScoreAdj: host.oomScoreAdj,
		PidMode: host.pidMode,
		Privileged: host.privileged,
		PublishAllPorts: host.publishAllPorts,
		ReadonlyRootfs: host.readonlyRootfs,
		SecurityOpt: orNull(host.securityOpt),
		Tmpfs: tmpfsView(host.mounts),
		UTSMode: host.utsMode,
		UsernsMode: "",
		ShmSize: host.shmSize,
		Sysctls: host.sysctls,
		Mounts: host.mounts
			.filter((mount) => mount.listed && !mount.anonymous && !isBindText(host.binds, mount))
			.map((mount) => ({
				Type: mount.type,
				Source: mount.source,
				Target: mount.destination,
				ReadOnly: mount.readonly,
			})),
		Runtime: "nanocontainer",
		Isolation: "",
		CpuShares: r.cpuShares ?? 0,
		Memory: r.memory ?? 0,
		NanoCpus: r.nanoCpus ?? 0,
		CgroupParent: host.cgroupParent,
		CpuPeriod: r.cpuPeriod ?? 0,
		CpuQuota: r.cpuQuota ?? 0,
		CpusetCpus: r.cpusetCpus ?? "",
		CpusetMems: r.cpusetMems ?? "",
		Devices: host.devices.map((device) => ({
			PathOnHost: device.host,
			PathInContainer: device.container,
			CgroupPermissions: device.permissions,
		})),
		MemoryReservation: r.memoryReservation ?? 0,
		MemorySwap: r.memorySwap ?? (r.memory ? 2 * r.memory : 0),
		MemorySwappiness: null,
		OomKillDisable: r.oomKillDisable ?? false,
		PidsLimit: r.pidsLimit ?? null,
		BlkioWeight: r.blkioWeight ?? 0,
		BlkioDeviceReadBps: rates("rbps"),
		BlkioDeviceWriteBps: rates("wbps"),
		BlkioDeviceReadIOps: rates("riops"),
		BlkioDeviceWriteIOps: rates("wiops"),
		DeviceCgroupRules: host.deviceCgroupRules.length ? host.deviceCgroupRules : null,
		Ulimits: host.ulimits.map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
		Init: host.init,
		MaskedPaths: host.privileged ? null : MASKED_PATHS,
		ReadonlyPaths: host.privileged ? null : READONLY_PATHS,
	};
}

function tmpfsView(mounts: readonly MountPoint[]): object {
	const hidden = mounts.filter((mount) => mount.type === "tmpfs" && !mount.listed);
	return Object.fromEntries(hidden.map((mount) => [mount.destination, mount.options.join(",")]));
}

function graphDriver(engine: Engine, { id, config, state }: Container): object {
	// Its overlay is mounted in its own mount namespace alone: from outside it is reached through its first process.
	const merged = state.status === "running" && state.init ? `/proc/${state.init.pid}/root` : "";
	const files = engine.paths.container(id);
	const row = engine.db.query("SELECT layers FROM images WHERE id = ?").get(config.imageId) as {
		layers: string;
	} | null;
	const layers = (JSON.parse(row?.layers ?? "[]") as string[])
		.map((diffId) => layerPath(engine.paths, diffId))
		.reverse();
	return {
		Name: "overlay2",
		Data: { LowerDir: layers.join(":"), MergedDir: merged, UpperDir: files.upper, WorkDir: files.work },
	};
}

function mountView(engine: Engine, mount: MountPoint): object {
	const propagation = mount.options.find((option) => /^r?(private|slave|shared)$/.test(option));
	return {
		Type: mount.type,
		...(mount.type === "volume" ? { Name: mount.source } : {}),
		Source: mount.type === "volume" ? engine.paths.volume(mount.source) : mount.source,
		Destination: mount.destination,
		...(mount.type === "volume" ? { Driver: "local" } : {}),
		Mode: mount.readonly ? "ro" : "",
		RW: !mount.readonly,
		Propagation: mount.type === "bind" ? (propagation ?? "rprivate") : "",
	};
}

function configView({ config }: Container): object {
	const has = (stream: "stdin" | "stdout" | "stderr") => config.attach.includes(stream);
	return {
		Hostname: config.hostname,
		Domainname: config.domainname,
		User: config.user,
		AttachStdin: has("stdin"),
		AttachStdout: has("stdout"),
		AttachStderr: has("stderr"),
		...(config.exposedPorts.length ? { ExposedPorts: setOf(config.exposedPorts) } : {}),
		Tty: config.tty,
		OpenStdin: config.openStdin,
		StdinOnce: config.stdinOnce,
		Env: config.env,
		Cmd: orNull(config.cmd),
		Image: config.image,
		Volumes: setOf(config.volumes) ?? null,
		WorkingDir: config.workingDir,
		Entrypoint: config.entrypoint,
		OnBuild: null,
		Labels: config.labels,
		...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
		...(config.healthcheck ? { Healthcheck: healthcheckView(config.healthcheck) } : {}),
		...(config.stopTimeout === null ? {} : { StopTimeout: config.stopTimeout }),
	};
}
