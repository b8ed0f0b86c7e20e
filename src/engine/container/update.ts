/**
 * `update`: limits, published ports and mounts of a container, changed while it runs, and kept for its next start. What can be
 * known to fail is refused before anything is done; each step is on record as soon as it is done.
 */
import { EngineError } from "../../errors.ts";
import type { Container, HostConfig, MountPoint } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { PortMapping } from "../../store/endpoint-record.ts";
import { dropVolumeUse, ensureVolume, getVolume, useVolume } from "../../store/volumes.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { type PortChoice, publishMore, unpublished, unpublishSome } from "../network/publish-change.ts";
import { resourcesOf } from "../plan/devices.ts";
import { limits, mountRules, volumeFileSystems, volumeRules } from "../plan/lazy.ts";
import { recordConfig, runningPid } from "../running.ts";
import { ANONYMOUS_LABEL } from "../volume/label.ts";
import { removeVolume } from "../volume/remove.ts";
import type { CreateOptions } from "./create.ts";
import { mountLive, unmountLive, withMounts } from "./mount-change.ts";

export interface ContainerUpdate {
	/** Those that are given; others stay. */
	readonly resources: Partial<HostConfig["resources"]>;
	readonly restartPolicy: HostConfig["restartPolicy"] | undefined;
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
	checkMountChanges(container, update);
	const warnings: string[] = [];
	if (Object.values(update.resources).some((value) => value !== undefined)) {
		container = limit(engine, container, update.resources, warnings);
	}
	if (update.restartPolicy) container = setPolicy(engine, container, update.restartPolicy);
	container = unpublish(engine, container, update.unpublish);
	container = publish(engine, container, update.publish);
	for (const place of update.unmount) container = unmount(engine, container, place);
	for (const mount of update.mounts) container = addMount(engine, container, mount, update.volumes);
	return warnings;
}

/** Before anything is done: of what cannot be, nothing else of the command is done either. */
function checkMountChanges({ name, config }: Container, { mounts, volumes, unmount }: ContainerUpdate): void {
	const missing = unmount.find((place) => !config.host.mounts.some(({ destination }) => destination === place));
	if (missing !== undefined) throw new EngineError("not-found", `container ${name} has nothing mounted at ${missing}`);
	if (mounts.some(({ type }) => type === "image")) {
		throw new EngineError(
			"unsupported",
			"a mount of type image is made when a container starts: --mount of create and run",
		);
	}
	if (mounts.length === 0) return;
	const left = config.host.mounts.filter(({ destination }) => !unmount.includes(destination));
	mountRules().checkMounts([...left, ...mounts]);
	for (const made in volumes) volumeRules().checkVolumeOptions(made, volumes[made]?.options ?? {});
}

function setPolicy(engine: Engine, container: Container, restartPolicy: HostConfig["restartPolicy"]): Container {
	if (container.config.host.autoRemove && restartPolicy.name !== "no") {
		throw new EngineError(
			"invalid",
			`Cannot update container ${container.id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
		);
	}
	return recordHost(engine, container, { restartPolicy });
}

const recordHost = (engine: Engine, container: Container, changes: Partial<HostConfig>): Container =>
	recordConfig(engine, container, { host: { ...container.config.host, ...changes } });

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
	return recordHost(engine, container, { resources });
}

function publish(engine: Engine, container: Container, bindings: ContainerUpdate["publish"]): Container {
	if (bindings.length === 0) return container;
	const pid = runningPid(container);
	const published = pid === undefined ? container : publishMore(engine, container, bindings, pid);
	const exposed = bindings.map(({ port, protocol }) => `${port}/${protocol}`);
	return recordConfig(engine, published, {
		exposedPorts: [...new Set([...container.config.exposedPorts, ...exposed])],
		host: { ...container.config.host, portBindings: [...container.config.host.portBindings, ...bindings] },
	});
}

function unpublish(engine: Engine, container: Container, choices: ContainerUpdate["unpublish"]): Container {
	if (choices.length === 0) return container;
	let bindings: readonly PortChoice[] = container.config.host.portBindings;
	let now: readonly PortMapping[] = container.state.ports;
	for (const choice of choices) {
		const done = unpublished(bindings, choice, now);
		if (!done) {
			const { port, protocol } = choice;
			throw new EngineError("not-found", `container ${container.name} publishes no such port: ${port}/${protocol}`);
		}
		bindings = done.bindings;
		now = now.filter((one) => !done.ports.includes(one));
	}
	const ports = container.state.ports.filter((one) => !now.includes(one));
	// First what the next start goes by: what is killed in between publishes less than it was to, not more.
	const changed = recordHost(engine, container, { portBindings: [...bindings] });
	const pid = runningPid(changed);
	return pid === undefined || ports.length === 0 ? changed : unpublishSome(engine, changed, ports, pid);
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
	const { anonymous, type, source } = mount;
	const settings = made[asked.source || asked.destination];
	const labels = { ...settings?.labels, ...(anonymous ? { [ANONYMOUS_LABEL]: "" } : {}) };
	const isNew = type === "volume" && !getVolume(engine.db, source);
	if (type === "volume") {
		engine.transaction(() => {
			ensureVolume(engine.db, {
				name: source,
				created: Date.now(),
				anonymous,
				labels,
				options: settings?.options ?? {},
			});
			useVolume(engine.db, source, container.id);
		});
	}
	// On record before it is there: whoever comes after a kill takes it away as any other.
	const changed = recordHost(engine, container, { mounts });
	try {
		if (runningPid(changed) !== undefined) mountLive(engine, changed, mount);
		return changed;
	} catch (error) {
		forget(engine, changed, mount);
		if (isNew) removeVolume(engine, source);
		throw error;
	}
}

function unmount(engine: Engine, container: Container, destination: string): Container {
	const { mounts } = container.config.host;
	const mount = mounts.find((one) => one.destination === destination);
	if (!mount) throw new EngineError("not-found", `container ${container.name} has nothing mounted at ${destination}`);
	if (runningPid(container) !== undefined) unmountLive(engine, container, mount);
	return forget(engine, container, mount);
}

/** Takes a mount off the record, and its volume's use and file system where no other of the container's mounts is of it. */
function forget(engine: Engine, container: Container, mount: MountPoint): Container {
	const { mounts, binds } = container.config.host;
	const { destination, source, type } = mount;
	const left = recordHost(engine, container, {
		mounts: mounts.filter((one) => one !== mount),
		binds: binds.filter((text) => text.split(":")[1] !== destination && text !== destination),
	});
	const isOfVolume = (one: MountPoint) => one.type === "volume" && one.source === source;
	if (type !== "volume" || left.config.host.mounts.some(isOfVolume)) return left;
	volumeFileSystems().releaseFileSystems(engine, withMounts(left, [mount]));
	engine.transaction(() => dropVolumeUse(engine.db, source, container.id));
	return left;
}
