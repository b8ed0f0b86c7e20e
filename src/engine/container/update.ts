/**
 * `update`: limits, published ports and mounts of a container, changed while it runs, and kept for its next start. What a
 * later step is refused leaves what the steps before it did: each is on record as soon as it is done.
 */
import { EngineError } from "../../errors.ts";
import type { Container, ContainerConfig, HostConfig, MountPoint } from "../../store/container-record.ts";
import { findContainer, updateConfig } from "../../store/containers.ts";
import { putLiveRecord } from "../../store/live-records.ts";
import { dropVolumeUse, ensureVolume, useVolume } from "../../store/volumes.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { isChosen, type PortChoice, publishMore, unpublishSome } from "../network/publish-change.ts";
import { resourcesOf } from "../plan/devices.ts";
import { limits, mountRules, volumeFileSystems, volumeRules } from "../plan/lazy.ts";
import type { CreateOptions } from "./create.ts";
import { mountLive, unmountLive } from "./mount-change.ts";

export interface ContainerUpdate {
	/** Those that are given; others stay. */
	readonly resources: Partial<HostConfig["resources"]>;
	readonly publish: readonly HostConfig["portBindings"][number][];
	readonly unpublish: readonly PortChoice[];
	readonly mounts: readonly MountPoint[];
	/** Of volumes that are made for a mount. */
	readonly volumes: CreateOptions["volumes"];
	/** Places in the container. */
	readonly unmount: readonly string[];
}

/** Returns what the user should know. Throws EngineError for what cannot be. */
export function updateContainer(engine: Engine, nameOrId: string, update: ContainerUpdate): string[] {
	using lock = engine.lock(findContainer(engine.db, nameOrId).id);
	if (!lock.container) throw new EngineError("not-found", `No such container: ${nameOrId}`);
	if (lock.container.state.status === "removing") {
		throw new EngineError("conflict", `container ${lock.container.id} is marked for removal and cannot be updated`);
	}
	let container = lock.container;
	const warnings: string[] = [];
	if (Object.values(update.resources).some((value) => value !== undefined)) {
		container = limit(engine, container, update.resources, warnings);
	}
	container = unpublish(engine, container, update.unpublish);
	container = publish(engine, container, update.publish);
	for (const place of update.unmount) container = unmount(engine, container, place);
	for (const mount of update.mounts) container = addMount(engine, container, mount, update.volumes);
	return warnings;
}

/** Of its first process; undefined: it does not run. */
function runningPid({ state: { status, init } }: Container): number | undefined {
	return status === "running" && init && startTime(init.pid) === init.startTime ? init.pid : undefined;
}

function record(
	engine: Engine,
	container: Container,
	host: Partial<HostConfig>,
	more: Partial<ContainerConfig> = {},
): Container {
	const config = { ...container.config, ...more, host: { ...container.config.host, ...host } };
	engine.transaction(() => updateConfig(engine.db, container.id, config));
	const changed = { ...container, config };
	if (runningPid(changed) !== undefined) putLiveRecord(engine.paths, changed);
	return changed;
}

function limit(
	engine: Engine,
	container: Container,
	given: ContainerUpdate["resources"],
	warnings: string[],
): Container {
	const before = container.config.host.resources;
	const asked = { ...before };
	for (const [key, value] of Object.entries(given)) if (value !== undefined) Object.assign(asked, { [key]: value });
	const { memory, memorySwap } = asked;
	if (given.memory && given.memorySwap === undefined && memory && memorySwap && memorySwap > 0 && memory > memorySwap) {
		throw new EngineError(
			"invalid",
			`Cannot update container ${container.id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
		);
	}
	const { resources, warnings: said } = limits().checkResources(asked, engine.cgroups);
	warnings.push(...said);
	if (runningPid(container) !== undefined && container.state.cgroup) {
		engine.cgroups?.update(container.state.cgroup, resourcesOf({ ...container.config.host, resources }));
	}
	return record(engine, container, { resources });
}

function publish(engine: Engine, container: Container, bindings: ContainerUpdate["publish"]): Container {
	if (bindings.length === 0) return container;
	const pid = runningPid(container);
	const published = pid === undefined ? container : publishMore(engine, container, bindings, pid);
	const exposed = bindings.map(({ port, protocol }) => `${port}/${protocol}`);
	return record(
		engine,
		published,
		{ portBindings: [...container.config.host.portBindings, ...bindings] },
		{ exposedPorts: [...new Set([...container.config.exposedPorts, ...exposed])] },
	);
}

function unpublish(engine: Engine, container: Container, choices: ContainerUpdate["unpublish"]): Container {
	if (choices.length === 0) return container;
	const { portBindings } = container.config.host;
	const isAny = (one: Parameters<typeof isChosen>[1]) => choices.some((choice) => isChosen(choice, one));
	const missing = choices.find(
		(choice) =>
			!portBindings.some((one) => isChosen(choice, one)) && !container.state.ports.some((one) => isChosen(choice, one)),
	);
	if (missing) {
		const { port, protocol } = missing;
		throw new EngineError("not-found", `container ${container.name} publishes no such port: ${port}/${protocol}`);
	}
	const pid = runningPid(container);
	const ports = container.state.ports.filter(isAny);
	const left = pid === undefined || ports.length === 0 ? container : unpublishSome(engine, container, ports, pid);
	// A binding may be a range, of which the container had one.
	const isGone = (one: (typeof portBindings)[number]) =>
		isAny(one) ||
		ports.some(({ port, protocol }) => one.port === port && one.protocol === protocol && /\D/.test(one.hostPort));
	return record(engine, left, { portBindings: portBindings.filter((one) => !isGone(one)) });
}

function addMount(
	engine: Engine,
	container: Container,
	asked: MountPoint,
	made: ContainerUpdate["volumes"],
): Container {
	const isUnnamed = asked.type === "volume" && asked.source === "";
	const mount = isUnnamed ? { ...asked, source: newId(), anonymous: true } : asked;
	const mounts = [...container.config.host.mounts, mount];
	if (mount.type === "image") {
		throw new EngineError(
			"unsupported",
			"a mount of type image is made when a container starts: --mount of create and run",
		);
	}
	mountRules().checkMounts(mounts);
	for (const name in made) volumeRules().checkVolumeOptions(name, made[name]?.options ?? {});
	const { anonymous, type, source } = mount;
	const { labels = {}, options = {} } = made[asked.source || asked.destination] ?? {};
	if (type === "volume") {
		engine.transaction(() => {
			ensureVolume(engine.db, { name: source, created: Date.now(), anonymous, labels, options });
			useVolume(engine.db, source, container.id);
		});
	}
	try {
		if (runningPid(container) !== undefined) mountLive(engine, container, mount);
	} catch (error) {
		releaseVolume(engine, container, mount);
		throw error;
	}
	return record(engine, container, { mounts });
}

function unmount(engine: Engine, container: Container, destination: string): Container {
	const { mounts, binds } = container.config.host;
	const mount = mounts.find((one) => one.destination === destination);
	if (!mount) throw new EngineError("not-found", `container ${container.name} has nothing mounted at ${destination}`);
	if (runningPid(container) !== undefined) unmountLive(container, destination);
	const left = record(engine, container, {
		mounts: mounts.filter((one) => one !== mount),
		binds: binds.filter((text) => text.split(":")[1] !== destination && text !== destination),
	});
	releaseVolume(engine, left, mount);
	if (mount.type === "volume") {
		const alone = { ...left, config: { ...left.config, host: { ...left.config.host, mounts: [mount] } } };
		volumeFileSystems().releaseFileSystems(engine, alone);
	}
	return left;
}

/** Unless another of the container's mounts is of it. */
function releaseVolume(engine: Engine, { id, config }: Container, { type, source }: MountPoint): void {
	const isUsed = config.host.mounts.some((one) => one.type === "volume" && one.source === source);
	if (type === "volume" && !isUsed) engine.transaction(() => dropVolumeUse(engine.db, source, id));
}
