/** Taking a container off the records and off the disk, so that a kill at any moment leaves what can be finished. */
import { messageOf } from "../../errors.ts";
import { debug } from "../../log.ts";
import type { Container } from "../../store/container-record.ts";
import { deleteContainer, updateState } from "../../store/containers.ts";
import { releaseAddresses } from "../../store/networks.ts";
import { stagingPath, sweepAbandoned } from "../../store/staging.ts";
import { deleteVolume, getVolume, releaseVolumes } from "../../store/volumes.ts";
import { tryRename } from "../../sys/fs.ts";
import { startTime } from "../../sys/process.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { volumeFileSystems } from "../plan/lazy.ts";

/** The kind of what lies in the staging directory until it is gone. */
const REMOVED = "removed";

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
 * `--rm`, after release(). Its files are put aside in one step, which takes no time however many they are, then it is on
 * record no more; whoever finds the record after a kill in between begins anew, and what lies aside is swept by the next removal.
 */
export function removeEnded(engine: Engine, container: Container): void {
	const { id, config } = container;
	// Which volumes go with it is known until its record goes: that must be noted first.
	if (config.host.mounts.length && config.host.mounts.some(({ type }) => type === "volume")) {
		removeContainer(engine, container);
		return;
	}
	const aside = stagingPath(engine.paths, REMOVED);
	const { dir } = engine.paths.container(id);
	if (tryRename(dir, aside) < 0) removeTree(dir); // it is gone already, or on a disk of its own
	engine.transaction(() => {
		releaseAddresses(engine.db, id);
		deleteContainer(engine.db, id);
	});
	try {
		removeTree(aside);
	} catch (error) {
		debug("rm", () => messageOf(error)); // a file that the file system will not let go: the container is gone all the same
	}
	sweepAbandoned(engine.paths, REMOVED);
}

/** Finishes what a killed command began. */
export function finishRemoval(engine: Engine, id: string): void {
	using lock = engine.lock(id);
	const { container } = lock;
	if (container?.state.status !== "removing") return;
	erase(engine, id, container.state.error.split(" ").filter(Boolean));
}

/** What is in a file system of its own stays in it; false: somebody of the host is in that, and the volume stays, for `prune`. */
function removeVolumeFiles(engine: Engine, name: string): boolean {
	const { options = {} } = getVolume(engine.db, name) ?? {};
	if (Object.keys(options).length > 0 && !volumeFileSystems().isRemovable(engine, name)) return false;
	removeTree(`${engine.paths.volumes}/${name}`);
	return true;
}

function erase(engine: Engine, id: string, volumes: readonly string[]): void {
	removeTree(engine.paths.live(id));
	removeTree(engine.paths.container(id).dir);
	sweepAbandoned(engine.paths, REMOVED);
	const gone = volumes.filter((name) => removeVolumeFiles(engine, name));
	engine.transaction(() => {
		releaseVolumes(engine.db, id);
		for (const name of gone) deleteVolume(engine.db, name);
		deleteContainer(engine.db, id);
	});
}
