/** `commit`: an image of what a container has become. */
import { parseInstruction } from "../../build/dockerfile/parse.ts";
import { Scope } from "../../build/dockerfile/scope.ts";
import {
	BaseConfig,
	type Defaults,
	defaultsOf,
	renderImageConfig,
	splitVariable,
} from "../../build/session/image-config.ts";
import { NewLayer } from "../../build/session/layer.ts";
import { applyMetadata, type MetadataInstruction } from "../../build/steps/metadata.ts";
import { EngineError } from "../../errors.ts";
import { writeChangeset } from "../../image/layer/diff.ts";
import { layerDirectories } from "../../image/layer/rootfs-view.ts";
import { LayerWriter } from "../../image/layer/unpack.ts";
import { parseDocument } from "../../image/reference/spec.ts";
import { TarReader } from "../../image/tar/reader.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import { getImage, type ImageRecord } from "../../store/images.ts";
import { existsSync, readdirSync } from "../../sys/fs.ts";
import { pause, unpause } from "../container/pause.ts";
import type { Engine } from "../engine.ts";
import { runningPid } from "../running.ts";
import { recordBuilt } from "./build.ts";

export interface CommitOptions {
	/** Familiar or whole; undefined: it has no name. */
	readonly reference: string | undefined;
	readonly author: string;
	readonly message: string;
	/** Instructions of a Dockerfile that change the configuration. */
	readonly changes: readonly string[];
	/** Nothing of the container changes meanwhile. */
	readonly pauses: boolean;
}

/** Returns the image's ID. Throws EngineError for what cannot be. */
export async function commit(engine: Engine, nameOrId: string, options: CommitOptions): Promise<string> {
	const container = findContainer(engine.db, nameOrId);
	const image = getImage(engine.db, container.config.imageId);
	if (!image) throw new EngineError("not-found", `No such image: ${container.config.image}`);
	const changes = options.changes.map(parseChange);
	const diffId = await layerOf(engine, container, image, options.pauses);
	const base = parseDocument(BaseConfig, image.config, "configuration of the container's image");
	const defaults = { ...defaultsOf(base), ...ofContainer(container) };
	for (const change of changes) apply(change, defaults);
	const created = new Date().toISOString();
	const { author, message } = options;
	const layers = [...image.layers, ...(diffId === undefined ? [] : [diffId])];
	const platform = { os: base.os || "linux", architecture: base.architecture, variant: base.variant ?? "" };
	const config = renderImageConfig({
		defaults: { ...defaults, author: author || defaults.author },
		platform,
		diffIds: layers,
		history: [
			...(base.history ?? []),
			{
				created,
				created_by: [...(container.config.entrypoint ?? []), ...container.config.cmd].join(" "),
				...(author ? { author } : {}),
				...(message ? { comment: message } : {}),
				...(diffId === undefined ? { empty_layer: true } : {}),
			},
		],
		created,
	});
	const tags = options.reference === undefined ? [] : [options.reference];
	return recordBuilt(engine, { config, layers, baseManifest: image.manifest, platform, cache: [] }, tags, new Map());
}

/** The container's own layer, as one of images; undefined: it has changed nothing. */
async function layerOf(
	engine: Engine,
	container: Container,
	image: ImageRecord,
	pauses: boolean,
): Promise<string | undefined> {
	const { upper } = engine.paths.container(container.id);
	if (!existsSync(upper)) return undefined;
	using layer = new NewLayer(engine.paths, layerDirectories(engine.paths, image.layers));
	using _still = pauses ? heldStill(engine, container) : undefined;
	if (readdirSync(upper).length === 0) return undefined;
	using writer = new LayerWriter(layer.upper);
	const reader = new TarReader(writer);
	writeChangeset(upper, (chunk) => reader.push(chunk), { isLive: true });
	reader.finish();
	writer.finish();
	return await layer.seal(engine.db, undefined);
}

/** Paused, unless it does not run or is paused already. */
function heldStill(engine: Engine, container: Container): Disposable | undefined {
	if (runningPid(container) === undefined || container.state.paused) return undefined;
	pause(engine, container.id);
	return { [Symbol.dispose]: () => unpause(engine, container.id) };
}

/** What a container of the image would have, as this one has it. */
function ofContainer({ config }: Container): Partial<Defaults> {
	const { healthcheck: check } = config;
	return {
		user: config.user,
		exposedPorts: new Set(config.exposedPorts),
		env: new Map(config.env.map(splitVariable)),
		entrypoint: config.entrypoint ?? undefined,
		cmd: config.cmd,
		volumes: new Set(config.volumes),
		workingDir: config.workingDir,
		labels: new Map(Object.entries(config.labels)),
		stopSignal: config.stopSignal,
		healthcheck: check && {
			...{ Test: check.test, Interval: check.interval, Timeout: check.timeout },
			...{ StartPeriod: check.startPeriod, StartInterval: check.startInterval, Retries: check.retries },
		},
	};
}

const CHANGES = [
	"CMD",
	"ENTRYPOINT",
	"ENV",
	"EXPOSE",
	"HEALTHCHECK",
	"LABEL",
	"ONBUILD",
	"STOPSIGNAL",
	"USER",
	"VOLUME",
	"WORKDIR",
];

function parseChange(text: string): MetadataInstruction {
	const instruction = parseInstruction(text);
	if (CHANGES.includes(instruction.kind)) return instruction as MetadataInstruction;
	throw new EngineError(
		"invalid",
		`${instruction.kind} is not a valid change command: there are ${CHANGES.join(", ")}`,
	);
}

function apply(instruction: MetadataInstruction, defaults: Defaults): void {
	const none = new Map<string, string>();
	const inputs = { escapeChar: "\\", buildArgs: none, globalArgs: none, platformArgs: none };
	applyMetadata(instruction, defaults, new Scope(inputs, defaults.env, none, new Set()), "\\");
}
