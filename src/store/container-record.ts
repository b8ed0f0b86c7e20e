/**
 * What is stored of a container: its configuration, which never changes after create, and its state. The names are
 * those of docker's inspect, so that a reader of one finds his way in the other. Parsed when read: the database may be
 * of another version of this program.
 */
import * as v from "valibot";

const strings = v.array(v.string());
const stringMap = v.record(v.string(), v.string());

/** A mount that the user or the image asked for, after parsing; volumes are named by now. */
export const MountPoint = v.object({
	type: v.picklist(["bind", "volume", "tmpfs"]),
	/** bind: a path of the host; volume: its name; tmpfs: empty. */
	source: v.string(),
	destination: v.string(),
	readonly: v.boolean(),
	/** fstab words besides ro and rw: propagation, "nocopy", "size=64m". */
	options: strings,
	/** Made for this container and removed with it. */
	anonymous: v.boolean(),
	/** `-v` makes a missing host path; `--mount` refuses it. */
	createSource: v.boolean(),
	/** Shown by inspect: `--tmpfs` is not. */
	listed: v.boolean(),
});
export type MountPoint = v.InferOutput<typeof MountPoint>;

export const HostConfig = v.object({
	autoRemove: v.boolean(),
	binds: strings,
	capAdd: strings,
	capDrop: strings,
	cgroupParent: v.string(),
	devices: v.array(v.object({ host: v.string(), container: v.string(), permissions: v.string() })),
	dns: strings,
	dnsOptions: strings,
	dnsSearch: strings,
	extraHosts: strings,
	groupAdd: strings,
	init: v.boolean(),
	ip: v.string(),
	logDriver: v.picklist(["json-file", "none"]),
	mounts: v.array(MountPoint),
	networkMode: v.string(),
	oomScoreAdj: v.number(),
	privileged: v.boolean(),
	readonlyRootfs: v.boolean(),
	resources: v.object({
		memory: v.optional(v.number()),
		memorySwap: v.optional(v.number()),
		memoryReservation: v.optional(v.number()),
		oomKillDisable: v.optional(v.boolean()),
		nanoCpus: v.optional(v.number()),
		cpuShares: v.optional(v.number()),
		cpuQuota: v.optional(v.number()),
		cpuPeriod: v.optional(v.number()),
		cpusetCpus: v.optional(v.string()),
		cpusetMems: v.optional(v.string()),
		pidsLimit: v.optional(v.number()),
		blkioWeight: v.optional(v.number()),
		/** Rates by the path of a block device, as they were asked for; its number is looked up at each start. */
		deviceIo: v.optional(
			v.array(v.object({ path: v.string(), limit: v.picklist(["rbps", "wbps", "riops", "wiops"]), rate: v.number() })),
		),
	}),
	/** "c 1:3 rwm" */
	deviceCgroupRules: v.optional(strings, []),
	securityOpt: strings,
	shmSize: v.number(),
	sysctls: stringMap,
	ulimits: v.array(v.object({ name: v.string(), soft: v.number(), hard: v.number() })),
});
export type HostConfig = v.InferOutput<typeof HostConfig>;

export const ContainerConfig = v.object({
	/** What the user typed. */
	image: v.string(),
	imageId: v.string(),
	entrypoint: v.nullable(strings),
	cmd: strings,
	env: strings,
	user: v.string(),
	workingDir: v.string(),
	labels: stringMap,
	hostname: v.string(),
	domainname: v.string(),
	macAddress: v.string(),
	tty: v.boolean(),
	openStdin: v.boolean(),
	stdinOnce: v.boolean(),
	attach: v.array(v.picklist(["stdin", "stdout", "stderr"])),
	stopSignal: v.string(),
	stopTimeout: v.nullable(v.number()),
	exposedPorts: strings,
	volumes: strings,
	platform: v.string(),
	host: HostConfig,
});
export type ContainerConfig = v.InferOutput<typeof ContainerConfig>;

/** What a list shows of it: a hundred whole configurations take 3 ms longer to check. */
export const ListedConfig = v.object({
	...v.pick(ContainerConfig, ["image", "imageId", "entrypoint", "cmd", "labels", "exposedPorts", "platform"]).entries,
	host: v.pick(HostConfig, ["networkMode", "mounts"]),
});

/** A process by number and start time: a pid alone may have been given to another one since. */
const Process = v.object({ pid: v.number(), startTime: v.number() });

export const ContainerState = v.object({
	status: v.picklist(["created", "starting", "running", "exited", "removing", "dead"]),
	init: v.nullable(Process),
	/** While starting or removing: the command that does it. */
	monitor: v.nullable(Process),
	/** Milliseconds since 1970; null: never. */
	startedAt: v.nullable(v.number()),
	finishedAt: v.nullable(v.number()),
	exitCode: v.number(),
	oomKilled: v.boolean(),
	error: v.string(),
	cgroup: v.string(),
	network: v.nullable(
		v.object({
			name: v.string(),
			ip: v.number(),
			prefix: v.number(),
			gateway: v.number(),
			mac: v.string(),
			link: v.string(),
		}),
	),
});
export type ContainerState = v.InferOutput<typeof ContainerState>;

export const NEW_STATE: ContainerState = {
	status: "created",
	init: null,
	monitor: null,
	startedAt: null,
	finishedAt: null,
	exitCode: 0,
	oomKilled: false,
	error: "",
	cgroup: "",
	network: null,
};

export interface ListedContainer extends Omit<Container, "config"> {
	readonly config: v.InferOutput<typeof ListedConfig>;
}

export interface Container {
	readonly id: string;
	/** Without docker's leading slash. */
	readonly name: string;
	/** Milliseconds since 1970. */
	readonly created: number;
	readonly config: ContainerConfig;
	readonly state: ContainerState;
}
