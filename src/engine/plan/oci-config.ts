/** docker's options and the image's configuration → an OCI runtime configuration. Pure. */
import type { CgroupDriver } from "../../cgroup/driver.ts";
import type { ContainerPaths } from "../../paths.ts";
import type {
	CapabilitySets,
	Device,
	Mount,
	NamespaceKind,
	ProcessConfig,
	RuntimeConfig,
} from "../../runtime/config.ts";
import type { ContainerUser } from "../../runtime/users.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../security/paths.ts";
import type { Container, HostConfig, MountPoint } from "../../store/container-record.ts";
import { environment } from "./environment.ts";

export interface OciInputs {
	readonly user: ContainerUser;
	/** What a container of these options may have, as a mask. */
	readonly capabilities: bigint;
	readonly seccomp: Uint8Array | undefined;
	readonly files: ContainerPaths;
	readonly cgroupMounts: ReturnType<CgroupDriver["mounts"]>;
	/** Path of the host behind a volume's name. */
	readonly volumePath: (name: string) => string;
	/** Whether a volume is another place's name, to be read alone. */
	readonly isReadonlyVolume: (name: string) => boolean;
	/** A directory of the host that is its /dev/shm; undefined: it has one of its own. */
	readonly sharedMemory?: string | undefined;
	/** Host devices of --device and --privileged. */
	readonly devices: readonly Device[];
	/** Whether the source, in `root` if there is one, is no directory. */
	readonly isFile: (source: string, root: string | undefined) => boolean;
	/** A path of the user namespace that maps the ids of the mount's files. */
	readonly idMap: (option: string, source: string, root: string | undefined) => string;
}

/** The kinds of namespaces (namespaces(7)) that a container gets new ones of. */
export function namespacesOf({ networkMode, cgroupnsMode, ipcMode, pidMode, utsMode }: HostConfig): NamespaceKind[] {
	const kinds: NamespaceKind[] = ["mount"];
	if (pidMode === "") kinds.push("pid");
	if (utsMode === "") kinds.push("uts");
	if (ipcMode !== "host" && !sharedWith(ipcMode)) kinds.push("ipc");
	if (cgroupnsMode !== "host") kinds.push("cgroup");
	if (networkMode !== "host" && !sharedNetwork(networkMode)) kinds.push("network");
	return kinds;
}

/** "container:<id>" → the ID of the container whose namespace it shares. */
export const sharedWith = (mode: string): string | undefined =>
	mode.startsWith("container:") ? mode.slice("container:".length) : undefined;

/** The same of the network. */
export const sharedNetwork = sharedWith;

/** Whose cgroup namespace it is in. */
export const cgroupNamespace = ({ cgroupnsMode }: HostConfig): "own" | "host" =>
	cgroupnsMode === "host" ? "host" : "own";

/** A process that is not root keeps the bounding set, and has none of it until it executes a set-user-ID program. */
export function capabilitySets(mask: bigint, uid: number): CapabilitySets {
	const own = uid === 0 ? mask : 0n;
	return { bounding: mask, effective: own, permitted: own, inheritable: 0n, ambient: 0n };
}

export const noNewPrivileges = (securityOpt: readonly string[]): boolean =>
	securityOpt.length > 0 && securityOpt.some((option) => /^no-new-privileges([:=]true)?$/.test(option));

/** No /proc path is masked. */
const openPaths = ({ privileged, securityOpt }: HostConfig): boolean =>
	privileged || (securityOpt.length > 0 && securityOpt.some((option) => /^systempaths[:=]unconfined$/.test(option)));

export function processConfig(container: Container, inputs: Pick<OciInputs, "user" | "capabilities">): ProcessConfig {
	const { config } = container;
	const { host } = config;
	return {
		terminal: config.tty,
		user: { uid: inputs.user.uid, gid: inputs.user.gid, additionalGids: inputs.user.groups },
		args: [...(config.entrypoint ?? []), ...config.cmd],
		env: environment(config.env, { hostname: config.hostname, home: inputs.user.home, tty: config.tty }),
		cwd: config.workingDir || "/",
		umask: 0o022,
		capabilities: capabilitySets(inputs.capabilities, inputs.user.uid),
		rlimits: host.ulimits.map(({ name, soft, hard }) => ({ type: name, soft, hard })),
		noNewPrivileges: noNewPrivileges(host.securityOpt),
		oomScoreAdj: host.oomScoreAdj,
	};
}

export function ociConfig(container: Container, inputs: OciInputs): RuntimeConfig {
	const { config } = container;
	const { host } = config;
	const ownNetwork = namespacesOf(host).includes("network");
	const open = openPaths(host);
	return {
		ociVersion: "1.2.0",
		hostname: config.hostname,
		domainname: config.domainname,
		root: { readonly: host.readonlyRootfs },
		process: processConfig(container, inputs),
		mounts: allMounts(
			defaultMounts(host, inputs.cgroupMounts, inputs.sharedMemory),
			ownFiles(inputs.files, host.readonlyRootfs),
			host.mounts.filter(({ type }) => type !== "image").map((mount) => userMount(mount, inputs)),
		),
		linux: {
			namespaces: namespacesOf(host),
			devices: inputs.devices.length ? withDefaultDevices(inputs.devices) : DEFAULT_DEVICES,
			sysctl: { ...(ownNetwork ? DEFAULT_SYSCTLS : {}), ...host.sysctls },
			maskedPaths: open ? [] : MASKED_PATHS,
			readonlyPaths: open ? [] : READONLY_PATHS,
			seccomp: inputs.seccomp,
		},
	};
}

/** docker's: in a network namespace of its own, ports below 1024 and ping need no privilege. */
const DEFAULT_SYSCTLS: Readonly<Record<string, string>> = {
	"net.ipv4.ip_unprivileged_port_start": "0",
	"net.ipv4.ping_group_range": "0 2147483647",
};

const DEFAULT_DEVICES: readonly Device[] = [
	{ path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o666 },
	{ path: "/dev/zero", type: "c", major: 1, minor: 5, fileMode: 0o666 },
	{ path: "/dev/full", type: "c", major: 1, minor: 7, fileMode: 0o666 },
	{ path: "/dev/random", type: "c", major: 1, minor: 8, fileMode: 0o666 },
	{ path: "/dev/urandom", type: "c", major: 1, minor: 9, fileMode: 0o666 },
	{ path: "/dev/tty", type: "c", major: 5, minor: 0, fileMode: 0o666 },
];

const withDefaultDevices = (own: readonly Device[]): Device[] => [
	...DEFAULT_DEVICES.filter(({ path }) => !own.some((device) => device.path === path)),
	...own,
];

const TTY_GROUP = 5;

/** docker's, in docker's order. */
function defaultMounts(
	{ privileged, shmSize, ipcMode }: HostConfig,
	cgroup: OciInputs["cgroupMounts"],
	sharedMemory: string | undefined,
): Mount[] {
	const mount = (destination: string, type: string, ...options: string[]): Mount => ({
		destination,
		type,
		source: type,
		options,
	});
	return [
		mount("/proc", "proc", "nosuid", "noexec", "nodev"),
		mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", `gid=${TTY_GROUP}`),
		mount("/sys", "sysfs", "nosuid", "noexec", "nodev", privileged ? "rw" : "ro"),
		...cgroup.map((entry) => ({ ...entry, source: entry.source ?? entry.type })),
		mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
		...(sharedMemory === undefined
			? [{ ...mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", `size=${shmSize}`), source: "shm" }]
			: [{ ...mount("/dev/shm", "bind", "rbind", "nosuid", "noexec", "nodev"), source: sharedMemory }]
		).filter(() => ipcMode !== "none"),
	];
}

function ownFiles(files: ContainerPaths, readonly: boolean): Mount[] {
	const bind = (source: string, destination: string): Mount => ({
		destination,
		type: "bind",
		source,
		options: ["rprivate", readonly ? "ro" : "rw"],
		file: true,
	});
	return [
		bind(files.resolvConf, "/etc/resolv.conf"),
		bind(files.hostname, "/etc/hostname"),
		bind(files.hosts, "/etc/hosts"),
	];
}

/** What the user mounts replaces ours at the same place. Outer destinations come first, so that none hides another. */
function allMounts(defaults: readonly Mount[], own: readonly Mount[], user: readonly Mount[]): Mount[] {
	if (user.length === 0) return [...defaults, ...own];
	const taken = new Set(user.map((mount) => mount.destination));
	// What the user mounts brings, or has not, what is below it.
	const covered = ({ destination }: Mount) => [...taken].some((place) => `${destination}/`.startsWith(`${place}/`));
	const depth = (mount: Mount): number => mount.destination.split("/").length;
	const rest = [...own.filter((mount) => !taken.has(mount.destination)), ...user].sort((a, b) => depth(a) - depth(b));
	return [...defaults.filter((mount) => !covered(mount)), ...rest];
}

/** A mount that the user asked for, as the runtime is told of it. */
export function userMount(
	m: MountPoint,
	inputs: Pick<OciInputs, "volumePath" | "isReadonlyVolume" | "isFile" | "idMap">,
): Mount {
	if (m.type === "tmpfs") {
		const options = ["nosuid", "nodev", "noexec", ...m.options, ...(m.readonly ? ["ro"] : [])];
		return { destination: m.destination, type: "tmpfs", source: "tmpfs", options, asked: true };
	}
	const subpath = m.options.find((option) => option.startsWith("subpath="))?.slice("subpath=".length);
	const whole = m.type === "volume" ? inputs.volumePath(m.source) : m.source;
	const source = subpath ?? whole;
	// "ro" reaches the mounts below too, unless bind-recursive says otherwise (docker from 25, Linux 5.12).
	const isReadonly = m.readonly || (m.type === "volume" && inputs.isReadonlyVolume(m.source));
	const readonly = !isReadonly ? [] : m.options.includes("bind-recursive=writable") ? ["ro"] : ["ro", "rro"];
	const recursive = m.options.includes("bind-recursive=disabled") ? [] : ["rbind"];
	const options = [...recursive, ...m.options.filter((o) => !o.startsWith("bind-recursive")), ...readonly];
	const root = subpath === undefined ? undefined : whole;
	const file = inputs.isFile(source, root);
	const idMap = m.options.find((option) => option === "idmap" || option.startsWith("idmap="));
	return {
		destination: m.destination,
		...{ type: "bind", source, options, file },
		...(root === undefined ? {} : { root }),
		...(idMap === undefined ? {} : { idMap: inputs.idMap(idMap, source, root) }),
	};
}
