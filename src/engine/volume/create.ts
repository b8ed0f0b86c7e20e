/** `volume create`: a directory that outlives containers, or what another place is called by. */
import { EngineError } from "../../errors.ts";
import { ensureVolume, getVolume, type Volume } from "../../store/volumes.ts";
import { mkdirSync } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { ANONYMOUS_LABEL } from "./label.ts";
import { volumeLock } from "./lock.ts";
import { checkVolumeOptions } from "./options.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export interface VolumeRequest {
	/** undefined: an anonymous one, which `volume prune` takes. */
	readonly name: string | undefined;
	readonly driver: string;
	readonly options: Readonly<Record<string, string>>;
	readonly labels: Readonly<Record<string, string>>;
}

/** Makes a volume, or returns the one that has the name. */
export function createVolume(engine: Engine, request: VolumeRequest): Volume {
	const { name } = request;
	if (name !== undefined) checkVolumeName(name);
	if (request.driver !== "local") {
		throw new EngineError("not-found", `error looking up volume plugin ${request.driver}: there is only "local"`);
	}
	checkVolumeOptions(name ?? "", request.options);
	const volume: Volume = {
		name: name ?? newId(),
		created: Date.now(),
		anonymous: name === undefined,
		labels: name === undefined ? { ...request.labels, [ANONYMOUS_LABEL]: "" } : request.labels,
		options: request.options,
	};
	using _lock = volumeLock(engine, volume.name); // whose name it was may have been given another a moment ago
	const recorded = engine.transaction(() => {
		ensureVolume(engine.db, volume);
		return getVolume(engine.db, volume.name) ?? volume;
	});
	mkdirSync(engine.paths.volume(volume.name), { recursive: true, mode: 0o755 });
	return recorded;
}

export function checkVolumeName(name: string): void {
	if (NAME.test(name)) return;
	if (name.length < 2) {
		throw new EngineError(
			"invalid",
			`create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
		);
	}
	throw new EngineError(
		"invalid",
		`create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
	);
}
