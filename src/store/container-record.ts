/**
 * What is stored of a container: its configuration, which never changes after create, and its state. The names are
 * those of docker's inspect, so that a reader of one finds his way in the other. Parsed when read: the database may be
 * of another version of this program.
 */
import * as v from "valibot";
import { Endpoint, PortMapping, Protocol } from "./endpoint-record.ts";

// One schema of each kind for all fields: every command makes them, and each is an object with a dozen properties.
const string = v.string();
const number = v.number();
const boolean = v.boolean();
const strings = v.array(string);
const stringMap = v.record(string, string);
const maybeNumber = v.optional(number);
const numberOrNull = v.nullable(number);
const maybeString = v.optional(string);

/** As oneOf(), which spends 0.2 ms on the first text that it may never have to show. */
const oneOf = <const T extends readonly string[]>(names: T) =>
	v.custom<T[number]>((value) => names.includes(value as string));

/** A mount that the user or the image asked for, after parsing; volumes are named by now. */
export const MountPoint = v.object({
	type: oneOf(["bind", "volume", "tmpfs", "image"]),
	/** bind: a path of the host; volume: its name; image: what it was called, its ID is an option; tmpfs: empty. */
	source: string,
	destination: string,
	readonly: boolean,
	/** fstab words besides ro and rw: propagation, "nocopy", "size=64m". */
	options: strings,
	/** Made for this container and removed with it. */
	anonymous: boolean,
	/** `-v` makes a missing host path; `--mount` refuses it. */
	createSource: boolean,
	/** Shown by inspect: `--tmpfs` is not. */
	listed: boolean,
});
export type MountPoint = v.InferOutput<typeof MountPoint>;

export const HostConfig = v.object({
	annotations: v.optional(stringMap, {}),
	autoRemove: boolean,
	binds: strings,
	capAdd: strings,
	capDrop: strings,
	cgroupParent: string,
	/** "host", or its own, as in records of before there was a choice. */
	cgroupnsMode: v.optional(v.picklist(["private", "host"])),
	devices: v.array(v.object({ host: string, container: string, permissions: string })),
	dns: strings,
	dnsOptions: strings,
	dnsSearch: strings,
	extraHosts: strings,
	groupAdd: strings,
	init: boolean,
	/** "private", "shareable", "none", "host", "container:<id>" */
	ipcMode: v.optional(string, "private"),
	logDriver: oneOf(["json-file", "none"]),
	mounts: v.array(MountPoint),
	networkMode: string,
	oomScoreAdj: number,
	/** "": its own; "host", "container:<id>" */
	pidMode: v.optional(string, ""),
	/** `-p`: ports of the container, and where on the host each is wanted. */
	portBindings: v.optional(
		v.array(
			v.object({
				protocol: Protocol,
				port: number,
				/** "": all addresses. */
				hostIp: string,
				/** "8080"; "8000-8010": the first free one; "": any. */
				hostPort: string,
			}),
		),
		[],
	),
	privileged: boolean,
	/** `-P`: what is exposed and has no binding, anywhere. */
	publishAllPorts: v.optional(boolean, false),
	readonlyRootfs: boolean,
	restartPolicy: v.optional(
		v.object({
			name: oneOf(["no", "always", "unless-stopped", "on-failure"]),
			/** 0: as often as it fails. */
			maximumRetryCount: number,
		}),
		{ name: "no", maximumRetryCount: 0 },
	),
	resources: v.object({
		memory: maybeNumber,
		memorySwap: maybeNumber,
		memoryReservation: maybeNumber,
		oomKillDisable: v.optional(boolean),
		nanoCpus: maybeNumber,
		cpuShares: maybeNumber,
		cpuQuota: maybeNumber,
		cpuPeriod: maybeNumber,
		cpusetCpus: maybeString,
		cpusetMems: maybeString,
		pidsLimit: maybeNumber,
		blkioWeight: maybeNumber,
		/** Rates by the path of a block device, as they were asked for; its number is looked up at each start. */
		deviceIo: v.optional(
			v.array(v.object({ path: string, limit: oneOf(["rbps", "wbps", "riops", "wiops"]), rate: number })),
		),
	}),
	/** "c 1:3 rwm" */
	deviceCgroupRules: v.optional(strings, []),
	securityOpt: strings,
	shmSize: number,
	sysctls: stringMap,
	/** "": its own; "host" */
	utsMode: v.optional(string, ""),
	ulimits: v.array(v.object({ name: string, soft: number, hard: number })),
	/** "container[:ro]" */
	volumesFrom: v.optional(strings, []),
});
export type HostConfig = v.InferOutput<typeof HostConfig>;

export const Healthcheck = v.object({
	/** ["CMD", …], ["CMD-SHELL", text], ["NONE"] */
	test: strings,
	interval: number,
	timeout: number,
	startPeriod: number,
	startInterval: number,
	retries: number,
	/** What happens to a container that turns unhealthy. */
	onFailure: oneOf(["none", "kill", "restart", "stop"]),
});
export type Healthcheck = v.InferOutput<typeof Healthcheck>;

export const ContainerConfig = v.object({
	/** What the user typed. */
	image: string,
	imageId: string,
	entrypoint: v.nullable(strings),
	cmd: strings,
	env: strings,
	user: string,
	workingDir: string,
	labels: stringMap,
	hostname: string,
	domainname: string,
	macAddress: string,
	tty: boolean,
	openStdin: boolean,
	stdinOnce: boolean,
	attach: v.array(oneOf(["stdin", "stdout", "stderr"])),
	stopSignal: string,
	/** The image's HEALTHCHECK, and `--health-…`. Times in nanoseconds; 0 and an empty test: docker's default, the image's. */
	healthcheck: v.optional(Healthcheck),
	stopTimeout: numberOrNull,
	exposedPorts: strings,
	volumes: strings,
	platform: string,
	host: HostConfig,
});
export type ContainerConfig = v.InferOutput<typeof ContainerConfig>;

/** What a list shows of it: a hundred whole configurations take 3 ms longer to check. */
export const ListedConfig = v.object({
	...v.pick(ContainerConfig, [
		"image",
		"imageId",
		"entrypoint",
		"cmd",
		"labels",
		"exposedPorts",
		"platform",
		"healthcheck",
	]).entries,
	host: v.pick(HostConfig, ["networkMode", "mounts", "restartPolicy"]),
});

/** No process has this start time: so the records of a boot that is over are marked. */
export const NEVER = -1;

/** A process by number and start time: a pid alone may have been given to another one since. */
const processOrNull = v.nullable(v.object({ pid: number, startTime: number }));

export const ContainerState = v.object({
	status: oneOf(["created", "starting", "running", "restarting", "exited", "removing", "dead"]),
	init: processOrNull,
	/** While starting or removing: the command that does it; while restarting: who will start it, null: the next command. */
	monitor: processOrNull,
	/** While running: "<st_dev>:<st_ino>" of its root directory. */
	root: v.optional(v.nullable(string), null), // records of before have none
	/** Milliseconds since 1970; null: never. */
	startedAt: numberOrNull,
	finishedAt: numberOrNull,
	exitCode: number,
	oomKilled: boolean,
	error: string,
	cgroup: string,
	endpoints: v.array(Endpoint),
	/** While running: the ports of the host that lead to it. */
	ports: v.optional(v.array(PortMapping), []),
	/** While running: all its processes are stopped. */
	paused: v.optional(boolean, false),
	/** While restarting: when it is to be started, in milliseconds since 1970. */
	restartAt: v.optional(numberOrNull, null),
	/** By its policy, since somebody started it; and how long the last was waited for, in milliseconds: 0: there was none. */
	restartCount: v.optional(number, 0),
	restartDelay: v.optional(number, 0),
	/** Somebody has ended it: its policy does not start it again. */
	stopAsked: v.optional(boolean, false),
	/** The command that ends it to start it again. */
	restartAsked: v.optional(processOrNull, null),
});
export type ContainerState = v.InferOutput<typeof ContainerState>;

export const NEW_STATE: ContainerState = {
	status: "created",
	init: null,
	monitor: null,
	root: null,
	startedAt: null,
	finishedAt: null,
	exitCode: 0,
	oomKilled: false,
	error: "",
	cgroup: "",
	endpoints: [],
	ports: [],
	paused: false,
	restartAt: null,
	restartCount: 0,
	restartDelay: 0,
	stopAsked: false,
	restartAsked: null,
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
