/** `volume create`: a directory that outlives containers, or what another place is called by. */
import { EngineError } from "../../errors.ts";
import { ensureVolume, getVolume, type Volume } from "../../store/volumes.ts";
import { mkdirSync } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../identifiers.ts";
import { ANONYMOUS_LABEL } from "./label.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** What docker's "local" driver takes; each is a part of mount(8). */
const OPTIONS = ["type", "device", "o"];

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
	checkOptions(name ?? "", request.options);
	const volume: Volume = {
		name: name ?? newId(),
		created: Date.now(),
		anonymous: name === undefined,
		labels: name === undefined ? { ...request.labels, [ANONYMOUS_LABEL]: "" } : request.labels,
		options: request.options,
	};
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

function checkOptions(name: string, options: VolumeRequest["options"]): void {
	const given = Object.keys(options);
	if (given.length === 0) return;
	const refuse = (why: string) => new EngineError("invalid", `create ${name}: ${why}`);
	const unknown = given.find((key) => !OPTIONS.includes(key));
	if (unknown !== undefined) throw refuse(`invalid option: ${JSON.stringify(unknown)}`);
	const { type = "", device = "", o = "" } = options;
	if (!device) throw refuse('missing required option: "device"');
	const isBind = o.split(",").some((word) => word === "bind" || word === "rbind");
	if (isBind && type !== "" && type !== "none")
		throw refuse(`a bind mount has the type "none", not ${JSON.stringify(type)}`);
	if (isBind && !device.startsWith("/")) throw refuse(`"device" must be an absolute path: ${device}`);
	if (!isBind && !type) throw refuse('missing required option: "type"');
	if (!isBind) {
		throw new EngineError(
			"unsupported",
			`create ${name}: volumes of type ${JSON.stringify(type)} are not supported yet: mount it on the host, and name the place with --opt type=none --opt o=bind --opt device=PATH`,
		);
	}
}
