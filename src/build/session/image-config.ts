/**
 * The configuration of an image as a build changes it: the OCI image configuration with docker's additions (image-spec
 * config.md; Healthcheck, OnBuild, Shell and ArgsEscaped are docker's). What a base image has besides is carried along.
 */
import * as v from "valibot";

const strings = v.array(v.string());
const set = v.record(v.string(), v.unknown());

export const Healthcheck = v.object({
	Test: v.optional(strings),
	Interval: v.optional(v.number()),
	Timeout: v.optional(v.number()),
	StartPeriod: v.optional(v.number()),
	StartInterval: v.optional(v.number()),
	Retries: v.optional(v.number()),
});

const ContainerDefaults = v.looseObject({
	User: v.optional(v.string()),
	ExposedPorts: v.nullish(set),
	Env: v.nullish(strings),
	Entrypoint: v.nullish(strings),
	Cmd: v.nullish(strings),
	Volumes: v.nullish(set),
	WorkingDir: v.optional(v.string()),
	Labels: v.nullish(v.record(v.string(), v.string())),
	StopSignal: v.optional(v.string()),
	Healthcheck: v.nullish(Healthcheck),
	OnBuild: v.nullish(strings),
	Shell: v.nullish(strings),
});

export const History = v.looseObject({
	created: v.optional(v.string()),
	created_by: v.optional(v.string()),
	author: v.optional(v.string()),
	comment: v.optional(v.string()),
	empty_layer: v.optional(v.boolean()),
});
export type History = v.InferOutput<typeof History>;

export const BaseConfig = v.looseObject({
	architecture: v.optional(v.string(), ""),
	os: v.optional(v.string(), ""),
	variant: v.optional(v.string()),
	author: v.optional(v.string()),
	config: v.nullish(ContainerDefaults, {}),
	rootfs: v.object({ type: v.literal("layers"), diff_ids: v.nullish(strings, []) }),
	history: v.nullish(v.array(History), []),
});
export type BaseConfig = v.InferOutput<typeof BaseConfig>;

/** What a container of the image starts with; changed by the stage that builds it, and by nobody else. */
export interface Defaults {
	user: string;
	exposedPorts: Set<string>;
	/** In order; a later value of a name replaces an earlier one in its place. */
	env: Map<string, string>;
	entrypoint: readonly string[] | undefined;
	cmd: readonly string[] | undefined;
	/** CMD was given by this Dockerfile: ENTRYPOINT doesn't take it away. */
	cmdIsOwn: boolean;
	volumes: Set<string>;
	workingDir: string;
	labels: Map<string, string>;
	stopSignal: string;
	healthcheck: v.InferOutput<typeof Healthcheck> | undefined;
	onbuild: readonly string[];
	shell: readonly string[] | undefined;
	author: string;
	/** Fields of the base image that are not ours to understand. */
	readonly others: Readonly<Record<string, unknown>>;
}

const KNOWN = new Set([
	...["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal"],
	...["Healthcheck", "OnBuild", "Shell"],
	// What the builders of old wrote of their own temporary containers.
	...[
		"Hostname",
		"Domainname",
		"AttachStdin",
		"AttachStdout",
		"AttachStderr",
		"Tty",
		"OpenStdin",
		"StdinOnce",
		"Image",
	],
]);

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Defaults of a stage `FROM scratch`. */
export function emptyDefaults(): Defaults {
	return {
		user: "",
		exposedPorts: new Set(),
		env: new Map([["PATH", DEFAULT_PATH]]),
		entrypoint: undefined,
		cmd: undefined,
		cmdIsOwn: false,
		volumes: new Set(),
		workingDir: "/",
		labels: new Map(),
		stopSignal: "",
		healthcheck: undefined,
		onbuild: [],
		shell: undefined,
		author: "",
		others: {},
	};
}

/** Defaults of a stage based on an image. */
export function defaultsOf(base: BaseConfig): Defaults {
	const config = base.config ?? {};
	const env = new Map((config.Env ?? []).map(splitVariable));
	if (!env.has("PATH")) env.set("PATH", DEFAULT_PATH); // BuildKit's rule: what is built always has one
	return {
		user: config.User ?? "",
		exposedPorts: new Set(Object.keys(config.ExposedPorts ?? {})),
		env,
		entrypoint: config.Entrypoint ?? undefined,
		cmd: config.Cmd ?? undefined,
		cmdIsOwn: false,
		volumes: new Set(Object.keys(config.Volumes ?? {})),
		workingDir: config.WorkingDir || "/",
		labels: new Map(Object.entries(config.Labels ?? {})),
		stopSignal: config.StopSignal ?? "",
		healthcheck: config.Healthcheck ?? undefined,
		onbuild: config.OnBuild ?? [],
		shell: config.Shell ?? undefined,
		author: base.author ?? "",
		others: Object.fromEntries(Object.entries(config).filter(([name]) => !KNOWN.has(name))),
	};
}

/** A copy that a stage which goes on from another one may change. */
export function copyDefaults(from: Defaults): Defaults {
	return {
		...from,
		exposedPorts: new Set(from.exposedPorts),
		env: new Map(from.env),
		volumes: new Set(from.volumes),
		labels: new Map(from.labels),
		cmdIsOwn: false,
	};
}

export function splitVariable(line: string): [string, string] {
	const equals = line.indexOf("=");
	return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
}

const sorted = (set: ReadonlySet<string>): Record<string, object> =>
	Object.fromEntries([...set].sort().map((key) => [key, {}]));

export interface Platform {
	readonly os: string;
	readonly architecture: string;
	readonly variant: string;
}

export interface ImageParts {
	readonly defaults: Defaults;
	readonly platform: Platform;
	readonly diffIds: readonly string[];
	readonly history: readonly History[];
	/** RFC 3339. */
	readonly created: string;
}

/** The image configuration as JSON text, its keys in the order that BuildKit writes them. */
export function renderImageConfig({ defaults: d, platform, diffIds, history, created }: ImageParts): string {
	const config = {
		...(d.user ? { User: d.user } : {}),
		...(d.exposedPorts.size ? { ExposedPorts: sorted(d.exposedPorts) } : {}),
		...(d.env.size ? { Env: [...d.env].map(([name, value]) => `${name}=${value}`) } : {}),
		...(d.entrypoint ? { Entrypoint: d.entrypoint } : {}),
		...(d.cmd ? { Cmd: d.cmd } : {}),
		...(d.healthcheck ? { Healthcheck: d.healthcheck } : {}),
		...(d.volumes.size ? { Volumes: sorted(d.volumes) } : {}),
		WorkingDir: d.workingDir,
		...(d.labels.size ? { Labels: Object.fromEntries([...d.labels].sort(([a], [b]) => (a < b ? -1 : 1))) } : {}),
		...(d.onbuild.length ? { OnBuild: d.onbuild } : {}),
		...(d.shell ? { Shell: d.shell } : {}),
		...(d.stopSignal ? { StopSignal: d.stopSignal } : {}),
		...d.others,
	};
	return JSON.stringify({
		architecture: platform.architecture,
		...(d.author ? { author: d.author } : {}),
		config,
		created,
		history,
		os: platform.os,
		rootfs: { type: "layers", diff_ids: diffIds },
		...(platform.variant ? { variant: platform.variant } : {}),
	});
}
