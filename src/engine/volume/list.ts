/** `volume ls`, and the look at one. */
import { EngineError } from "../../errors.ts";
import { getVolume, listVolumes, usersOf, type Volume } from "../../store/volumes.ts";
import type { Engine } from "../engine.ts";
import { checkKeys, type Filters, labelMatches, nameMatches, passes, type Tests, truth } from "../filters.ts";

const tests = (engine: Engine): Tests<Volume> => ({
	dangling: ({ name }, value) => truth("dangling", value) === (usersOf(engine.db, name).length === 0),
	driver: (_, value) => value === "local",
	label: ({ labels }, value) => labelMatches(labels, value),
	name: ({ name }, value) => nameMatches([name], value),
});

/** By name. Throws EngineError for a filter that there is not. */
export function filteredVolumes(engine: Engine, filters: Filters): Volume[] {
	const all = tests(engine);
	checkKeys(filters, Object.keys(all));
	return listVolumes(engine.db).filter((volume) => passes(volume, filters, all));
}

export function findVolume(engine: Engine, name: string): Volume {
	const volume = getVolume(engine.db, name);
	if (!volume) throw new EngineError("not-found", `get ${name}: no such volume`);
	return volume;
}

/** As docker's API has it. */
export function inspectVolume(engine: Engine, volume: Volume): object {
	const hasAny = (map: Readonly<Record<string, string>>) => (Object.keys(map).length ? map : null);
	return {
		CreatedAt: new Date(volume.created).toISOString().replace(/\.\d+Z$/, "Z"),
		Driver: "local",
		Labels: hasAny(volume.labels),
		Mountpoint: engine.paths.volume(volume.name),
		Name: volume.name,
		Options: hasAny(volume.options),
		Scope: "local",
	};
}
