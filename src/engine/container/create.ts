/** `create`: options and an image → a container on record. Nothing runs, nothing is mounted. */
import { EngineError } from "../../errors.ts";
import type { ImageConfig } from "../../image/reference/spec.ts";
import { parseMac } from "../../network/ipam.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { availableCapabilities } from "../../security/available.ts";
import { containerCapabilities } from "../../security/capabilities.ts";
import {
	type Container,
	type ContainerConfig,
	type Healthcheck,
	type HostConfig,
	NEW_STATE,
} from "../../store/container-record.ts";
import { insertContainer } from "../../store/containers.ts";
import type { EndpointSettings } from "../../store/endpoint-record.ts";
import type { ImageRecord } from "../../store/images.ts";
import { copyRootAttributes, layerPath } from "../../store/layers.ts";
import { keepRoom } from "../../store/room.ts";
import { ensureVolume, useVolume, type Volume } from "../../store/volumes.ts";
import { mkdirSync } from "../../sys/fs.ts";
import { nodeOs } from "../../sys/node.ts";
import type { Engine } from "../engine.ts";
import { checkName, newId, newName, shortId } from "../identifiers.ts";
import { mergeEnvironment } from "../plan/environment.ts";
import { limits, mountRules, volumeRules } from "../plan/lazy.ts";
import { removeContainer } from "../settle/erase.ts";
import { ANONYMOUS_LABEL } from "../volume/label.ts";
import { checkNamespaces, hasHostName } from "./check-namespaces.ts";
import { newEndpoint, ownOrShared, portWarnings, sharedHostname } from "./create-network.ts";
import { mergedHealthcheck } from "./health-options.ts";
import { resolveImageMounts } from "./image-mounts.ts";
import { withImageVolumes } from "./image-volumes.ts";
import { inheritedLabels } from "./own-labels.ts";
import { withVolumesFrom } from "./volumes-from.ts";

export interface CreateOptions {
	readonly image: string;
	/** Arguments after the image; empty: the image's. */
	readonly command: readonly string[];
	readonly name: string | undefined;
	/** undefined: the image's; "": none. */
	readonly entrypoint: string | undefined;
	/** NAME=value */
	readonly env: readonly string[];
	readonly labels: Readonly<Record<string, string>>;
	readonly user: string | undefined;
	readonly workingDir: string | undefined;
	readonly hostname: string | undefined;
	readonly domainname: string;
	readonly macAddress: string;
	/** Its places in networks; none: a mode of the network that is no network, or the default one. */
	readonly networks: readonly EndpointSettings[];
	/** "80/tcp", besides the image's and the published ones. */
	readonly exposedPorts: readonly string[];
	readonly tty: boolean;
	readonly openStdin: boolean;
	readonly attach: ContainerConfig["attach"];
	readonly stopSignal: string | undefined;
	readonly healthcheck: Healthcheck | undefined;
	readonly stopTimeout: number | undefined;
	/** By name, or the place of one that has none: for those volumes that are made for this container. */
	readonly volumes: Readonly<Record<string, Pick<Volume, "labels" | "options">>>;
	readonly host: HostConfig;
}

export interface Created {
	readonly container: Container;
	/** "Your kernel does not support …" */
	readonly warnings: readonly string[];
}

export function create(
	engine: Engine,
	image: { readonly record: ImageRecord; readonly config: ImageConfig },
	options: CreateOptions,
): Created {
	const id = newId();
	const { resources, warnings } = checked(engine, options.host.resources);
	if (options.hostname !== undefined && options.host.utsMode === "host") {
		throw new EngineError("invalid", "conflicting options: hostname and the UTS mode");
	}
	const networkMode = ownOrShared(engine, options);
	const all = withImageVolumes(withVolumesFrom(engine, options.host), image.config);
	const mounts = all.some(({ type }) => type === "image") ? resolveImageMounts(engine, all) : all;
	const config = containerConfig(id, image, {
		...options,
		host: { ...options.host, ...networkMode, mounts, resources },
		...sharedHostname(engine, networkMode),
	});
	validate(config, options.volumes);
	// Whoever finds the record, an `rm -f` by name, waits until the container is whole.
	using _lock = engine.lockId(id);
	// On record first: what a kill leaves between the two is a container whose directories are made at its start, not
	// directories that belong to nobody.
	const container = record(engine, id, options, config);
	keepRoom(engine.db, engine.paths);
	try {
		ensureDirectories(engine, container, () => image.record.layers);
	} catch (error) {
		removeContainer(engine, container);
		throw error;
	}
	return { container, warnings: [...warnings, ...portWarnings(config.host)] };
}

function checked(engine: Engine, asked: HostConfig["resources"]) {
	for (const limit of Object.values(asked)) {
		if (limit !== undefined) return limits().checkResources(asked, engine.cgroups);
	}
	return { resources: asked, warnings: [] };
}

/** Makes the container's own directories, unless they are there. */
export function ensureDirectories(engine: Engine, container: Container, layers: () => readonly string[]): void {
	const files = engine.paths.container(container.id);
	mkdirSync(files.work, { recursive: true, mode: 0o700 });
	if (mkdirSync(files.upper, { recursive: true, mode: 0o755 }) === undefined) return; // it was there
	const all = layers();
	const topmost = all[all.length - 1];
	if (topmost !== undefined) copyRootAttributes(layerPath(engine.paths, topmost), files.upper);
}

function record(
	engine: Engine,
	id: string,
	{ name, networks, volumes }: CreateOptions,
	config: ContainerConfig,
): Container {
	return engine.transaction(() => {
		const taken = (candidate: string) =>
			engine.db.query("SELECT 1 FROM containers WHERE name = ?").get(candidate) !== null;
		const container: Container = {
			id,
			name: name === undefined ? newName(taken) : checkName(name),
			created: Date.now(),
			config,
			state: { ...NEW_STATE, endpoints: networks.map((settings) => newEndpoint(engine, settings)) },
		};
		insertContainer(engine.db, container);
		for (const mount of config.host.mounts) {
			if (mount.type !== "volume") continue;
			const { labels = {}, options = {} } = volumes[mount.anonymous ? mount.destination : mount.source] ?? {};
			ensureVolume(engine.db, {
				name: mount.source,
				created: Date.now(),
				anonymous: mount.anonymous,
				labels: mount.anonymous ? { ...labels, [ANONYMOUS_LABEL]: "" } : labels,
				options,
			});
			useVolume(engine.db, mount.source, id);
		}
		return container;
	});
}

function containerConfig(
	id: string,
	{
		record: image,
		config: { config: defaults, os, architecture, variant },
	}: { record: ImageRecord; config: ImageConfig },
	options: CreateOptions,
): ContainerConfig {
	const ownEntrypoint = options.entrypoint !== undefined;
	const entrypoint = ownEntrypoint
		? options.entrypoint
			? [options.entrypoint]
			: null
		: (defaults?.Entrypoint ?? null);
	const cmd = options.command.length || ownEntrypoint ? options.command : (defaults?.Cmd ?? []);
	return {
		image: options.image,
		imageId: image.id,
		entrypoint: entrypoint && [...entrypoint],
		cmd: [...cmd],
		env: mergeEnvironment(defaults?.Env ?? [], options.env),
		user: options.user ?? defaults?.User ?? "",
		workingDir: options.workingDir ?? defaults?.WorkingDir ?? "",
		labels: { ...inheritedLabels(defaults?.Labels), ...options.labels },
		hostname: options.hostname ?? (hasHostName(options.host) ? nodeOs().hostname() : shortId(id)),
		domainname: options.domainname,
		macAddress: options.macAddress,
		tty: options.tty,
		openStdin: options.openStdin,
		stdinOnce: options.openStdin && options.attach.includes("stdin"),
		attach: options.attach,
		stopSignal: options.stopSignal ?? defaults?.StopSignal ?? "",
		healthcheck: mergedHealthcheck(options.healthcheck, defaults?.Healthcheck),
		stopTimeout: options.stopTimeout ?? null,
		exposedPorts: exposedPorts(Object.keys(defaults?.ExposedPorts ?? {}), options),
		volumes: [...new Set([...Object.keys(defaults?.Volumes ?? {}), ...anonymousPlaces(options.host)])],
		platform: [os || "linux", architecture, variant].filter(Boolean).join("/"),
		host: options.host,
	};
}

/** `-v /place` */
const anonymousPlaces = ({ mounts, binds }: HostConfig): string[] =>
	mounts
		.filter(({ type, anonymous, destination }) => type === "volume" && anonymous && !binds.includes(destination))
		.map(({ destination }) => destination);

/** What is published is exposed; each once, with its protocol, in order. */
function exposedPorts(ofImage: readonly string[], { exposedPorts: asked, host }: CreateOptions): string[] {
	const published = host.portBindings.map(({ port, protocol }) => `${port}/${protocol}`);
	const all = [...ofImage, ...asked, ...published].map((text) => (text.includes("/") ? text : `${text}/tcp`));
	if (all.length < 2) return all;
	return [...new Set(all)].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
}

function validate(config: ContainerConfig, volumes: CreateOptions["volumes"]): void {
	const { host } = config;
	if ((config.entrypoint?.length ?? 0) + config.cmd.length === 0) {
		throw new EngineError("invalid", "no command specified");
	}
	if (config.workingDir && !config.workingDir.startsWith("/")) {
		throw new EngineError(
			"invalid",
			`the working directory '${config.workingDir}' is invalid, it needs to be an absolute path`,
		);
	}
	if (config.stopSignal && parseSignal(config.stopSignal) === undefined) {
		throw new EngineError("invalid", `Invalid signal: ${config.stopSignal}`);
	}
	checkNamespaces(host);
	if (config.hostname.length > 63) throw new EngineError("invalid", `invalid hostname: ${config.hostname}`);
	if (config.macAddress && !parseMac(config.macAddress)) {
		throw new EngineError("usage", `${config.macAddress} is not a valid mac address`);
	}
	if (config.macAddress && host.networkMode === "host") {
		throw new EngineError("invalid", "conflicting options: mac-address and the network mode");
	}
	if (host.shmSize < 0) throw new EngineError("invalid", "SHM size can not be less than 0");
	if (host.mounts.length) mountRules().checkMounts(host.mounts);
	for (const name in volumes) volumeRules().checkVolumeOptions(name, volumes[name]?.options ?? {});
	if (host.capAdd.length || host.capDrop.length) {
		const { privileged, capAdd: add, capDrop: drop } = host;
		containerCapabilities({ privileged, add, drop }, availableCapabilities());
	}
	for (const text of [...config.env, ...config.cmd, ...(config.entrypoint ?? []), ...Object.values(config.labels)]) {
		if (text.includes("\0"))
			throw new EngineError("invalid", "a NUL character is in the command, environment or labels");
	}
}
