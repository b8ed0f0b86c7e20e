/** Taking a container off the records and off the disk, so that a kill at any moment leaves what can be finished. */
import type { Container } from "../store/container-record.ts";
import { deleteContainer, updateState } from "../store/containers.ts";
import { releaseAddresses } from "../store/networks.ts";
import { deleteVolume, releaseVolumes } from "../store/volumes.ts";
import { startTime } from "../sys/process.ts";
import { removeTree } from "../sys/tree.ts";
import type { Engine } from "./engine.ts";

/** The caller holds the container's lock, and it does not run. First its name goes, then its files. */
export function removeContainer(engine: Engine, container: Container, volumes = true): void {
	const { id } = container;
	const remover = { pid: process.pid, startTime: startTime(process.pid) ?? 0 };
	const orphans = engine.transaction(() => {
		releaseAddresses(engine.db, id);
		const names = volumes ? releaseVolumes(engine.db, id) : [];
		// From here on it can only be finished, by us or by the next command. The volumes that go with it are noted.
		updateState(engine.db, id, { ...container.state, status: "removing", monitor: remover, error: names.join(" ") });
		return names;
	});
	erase(engine, id, orphans);
}

/**
 * `--rm`, after release(): the record still says that it lives, so whoever finds it after a kill in between begins anew.
 */
export function removeEnded(engine: Engine, container: Container): void {
	const { id, config } = container;
	// Which volumes go with it is known until its record goes: that must be noted first.
	if (config.host.mounts.some(({ type }) => type === "volume")) {
		removeContainer(engine, container);
		return;
	}
	removeTree(engine.paths.container(id).dir);
	engine.transaction(() => {
		releaseAddresses(engine.db, id);
		deleteContainer(engine.db, id);
	});
}

/** Finishes what a killed command began. */
export function finishRemoval(engine: Engine, id: string): void {
	using lock = engine.lock(id);
	const { container } = lock;
	if (container?.state.status !== "removing") return;
	erase(engine, id, container.state.error.split(" ").filter(Boolean));
}

function erase(engine: Engine, id: string, volumes: readonly string[]): void {
	removeTree(engine.paths.live(id));
	removeTree(engine.paths.container(id).dir);
	for (const name of volumes) removeTree(`${engine.paths.volumes}/${name}`);
	engine.transaction(() => {
		releaseVolumes(engine.db, id);
		for (const name of volumes) deleteVolume(engine.db, name);
		deleteContainer(engine.db, id);
	});
}
