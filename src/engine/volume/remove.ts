/** `volume rm` and `volume prune`. */
import { EngineError, messageOf } from "../../errors.ts";
import { debug } from "../../log.ts";
import { stagingPath, sweepAbandoned } from "../../store/staging.ts";
import { deleteVolume, getVolume, listVolumes, usersOf, type Volume } from "../../store/volumes.ts";
import { tryRename } from "../../sys/fs.ts";
import { removeTree } from "../../sys/tree.ts";
import { treeSize } from "../../sys/tree-size.ts";
import type { Engine } from "../engine.ts";
import { checkKeys, type Filters, labelMatches, passes, type Tests, truth } from "../filters.ts";
import { isFileSystem, unmountFileSystem } from "./file-system.ts";
import { volumeLock } from "./lock.ts";

/** The kind of what lies in the staging directory until it is gone. */
const REMOVED = "removed";

/** Throws EngineError when there is none, or a container has it. */
export function removeVolume(engine: Engine, name: string): void {
	take(engine, name);
}

const missing = (name: string): EngineError => new EngineError("not-found", `get ${name}: no such volume`);

/**
 * Its files are put aside in one step, which takes no time however many they are, while it is certain that nobody has it;
 * then it is on record no more. What a kill leaves aside is swept by the next removal.
 */
function take(engine: Engine, name: string): void {
	const aside = stagingPath(engine.paths, REMOVED);
	{
		using _lock = volumeLock(engine, name);
		engine.transaction(() => {
			const volume = getVolume(engine.db, name);
			if (!volume) throw missing(name);
			const users = usersOf(engine.db, name);
			if (users.length) {
				throw new EngineError("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`);
			}
			// What is in a file system of its own is not ours to remove.
			if (isFileSystem(volume.options) && !unmountFileSystem(engine, volume)) {
				throw new EngineError(
					"conflict",
					`remove ${name}: ${engine.paths.volume(name)} is busy: a program of the host is in it`,
				);
			}
			deleteVolume(engine.db, name);
			const place = `${engine.paths.volumes}/${name}`;
			if (tryRename(place, aside) < 0) removeTree(place); // it has no directory, or one on a disk of its own
		});
	}
	try {
		removeTree(aside);
	} catch (error) {
		debug("volume", () => messageOf(error)); // a file that the file system will not let go
	}
	sweepAbandoned(engine.paths, REMOVED);
}

export interface PrunedVolumes {
	readonly names: readonly string[];
	/** Bytes on the disk. */
	readonly reclaimed: number;
}

const TESTS: Tests<Volume> = {
	all: () => true,
	label: ({ labels }, value) => labelMatches(labels, value),
	"label!": ({ labels }, value) => !labelMatches(labels, value),
};

/** Removes what no container has: anonymous volumes, and with `all` those that have a name. */
export function pruneVolumes(
	engine: Engine,
	options: { readonly all: boolean; readonly filters: Filters },
): PrunedVolumes {
	checkKeys(options.filters, Object.keys(TESTS));
	const all = options.all || (options.filters.get("all") ?? []).some((value) => truth("all", value));
	const names: string[] = [];
	let reclaimed = 0;
	for (const volume of listVolumes(engine.db)) {
		if (!(all || volume.anonymous) || usersOf(engine.db, volume.name).length) continue;
		if (!passes(volume, options.filters, TESTS)) continue;
		const size = treeSize(engine.paths.volume(volume.name));
		try {
			take(engine, volume.name);
		} catch (error) {
			if (error instanceof EngineError) continue; // a container has just been made with it, or somebody else removed it
			throw error;
		}
		names.push(volume.name);
		reclaimed += size;
	}
	return { names, reclaimed };
}
