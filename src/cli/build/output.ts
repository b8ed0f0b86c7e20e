/** `--output`: where the result of a build goes. Without one, to the local images. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { BuiltImage } from "../../build/built-image.ts";
import type { Progress } from "../../build/session/progress.ts";
import { Vertices } from "../../build/session/progress.ts";
import { exportDirectory, exportTar } from "../../build/steps/rootfs-export.ts";
import { imageIdOf, recordBuilt } from "../../engine/build/build.ts";
import { archiveOf, pushBuilt } from "../../engine/build/export.ts";
import { readConfig } from "../../engine/config.ts";
import type { Engine } from "../../engine/engine.ts";
import { tellingFull } from "../../engine/full-disk.ts";
import { EngineError } from "../../errors.ts";
import { renderIndex, writeImageArchive } from "../../image/archive/write.ts";
import { formatPlatform } from "../../image/reference/platform.ts";
import { canonical, familiar, parseReference } from "../../image/reference/reference.ts";
import { sha256 } from "../../store/blobs.ts";
import { errnoText } from "../../sys/errno.ts";
import { isTerminal } from "../../sys/terminal.ts";
import type { Context } from "../command/command.ts";
import { parseCsv } from "../flags/parse-csv.ts";
import { credentialsOf } from "../image/credentials.ts";
import type { BuildFlags } from "./flags.ts";

const TYPES = ["image", "docker", "oci", "tar", "local", "registry"] as const;
type OutputType = (typeof TYPES)[number];
const KEYS = ["dest", "name", "push", "rewrite-timestamp"];

export interface Output {
	readonly type: OutputType;
	readonly options: Readonly<Record<string, string>>;
}

/** "type=oci,dest=file", "directory" (local), "-" (a tar on standard output). */
export function parseOutputs(flags: Pick<BuildFlags, "output" | "load" | "push">): Output[] {
	const outputs = flags.output.map(parseOutput);
	if (flags.load) outputs.push({ type: "docker", options: {} });
	if (flags.push) outputs.push({ type: "registry", options: {} });
	return outputs.length ? outputs : [{ type: "image", options: {} }];
}

function parseOutput(text: string): Output {
	if (text === "-") return { type: "tar", options: { dest: "-" } };
	if (!text.includes("=")) return { type: "local", options: { dest: text } };
	const options: Record<string, string> = {};
	for (const field of parseCsv(text)) {
		const equals = field.indexOf("=");
		if (equals < 0) throw new EngineError("usage", `invalid field '${field}' must be a key=value pair`);
		options[field.slice(0, equals)] = field.slice(equals + 1);
	}
	const { type, ...rest } = options;
	const known = TYPES.find((name) => name === type);
	if (!known) throw new EngineError("usage", `output type "${type ?? ""}" is not supported: use ${TYPES.join(", ")}`);
	const unknown = Object.keys(rest).find((key) => !KEYS.includes(key));
	if (unknown !== undefined) throw new EngineError("usage", `output option "${unknown}" is not supported`);
	const needsDest = known === "local" || known === "tar" || known === "oci";
	if (needsDest && !rest["dest"] && (known === "local" || isTerminal(1))) {
		throw new EngineError("usage", `dest is required for ${known} output`);
	}
	return { type: known, options: rest };
}

export interface Delivery {
	readonly outputs: readonly Output[];
	readonly tags: readonly string[];
	readonly annotations: ReadonlyMap<string, string>;
}

/** Several platforms as one image can be kept where there is room for an index. */
export function checkSeveral(outputs: readonly Output[]): void {
	for (const { type, options } of outputs) {
		if (type === "local" || type === "oci" || type === "registry" || options["push"] === "true") continue;
		throw new EngineError(
			"unsupported",
			`output type "${type}" does not hold several platforms: use --push, or --output with type=oci or type=local`,
		);
	}
}

/** Returns the ID or digest of what was built: of one image its ID, of several platforms that of their index. */
export async function deliver(
	engine: Engine,
	context: Context,
	images: readonly BuiltImage[],
	delivery: Delivery,
	progress: Progress,
): Promise<string> {
	const [first] = images;
	let id = first && images.length === 1 ? imageIdOf(first) : "";
	const vertices = new Vertices(progress);
	for (const output of delivery.outputs) {
		const tags = output.options["name"]?.split(",") ?? delivery.tags;
		await vertices.run(titleOf(output), async (vertex) => {
			const note = (text: string) => progress.note(vertex, text);
			const index = await deliverOne(engine, context, images, output, tags, delivery.annotations, note);
			if (images.length > 1 && index) id = index;
			return { value: undefined, cached: false };
		});
	}
	return id;
}

const titleOf = ({ type }: Output): string =>
	type === "image" || type === "docker"
		? "exporting to image"
		: type === "registry"
			? "pushing"
			: `exporting to ${type}`;

/** Returns the digest of the manifest or index, where one was written. */
async function deliverOne(
	engine: Engine,
	context: Context,
	images: readonly BuiltImage[],
	output: Output,
	tags: readonly string[],
	annotations: ReadonlyMap<string, string>,
	note: (text: string) => void,
): Promise<string | undefined> {
	const { dest } = output.options;
	const [first] = images;
	if (!first) return undefined;
	switch (output.type) {
		case "local":
			for (const image of images) {
				const platform = images.length > 1 ? `/${formatPlatform(image.platform).replaceAll("/", "_")}` : "";
				await tellingFull({ root: dest ?? "." }, async () =>
					exportDirectory(engine.paths, image.layers, `${dest ?? "."}${platform}`),
				);
			}
			return undefined;
		case "tar":
			toFile(dest, (sink) => exportTar(engine.paths, first.layers, sink));
			return undefined;
		case "docker":
		case "oci":
			if (output.type === "oci" || dest !== undefined) {
				const archived = images.map((image) => archiveOf(engine, image, tags, annotations));
				toFile(dest, (sink) => writeImageArchive(engine.paths, archived, sink));
				return sha256(images.length > 1 ? renderIndex(archived) : (archived[0]?.manifest ?? ""));
			}
			break;
		default:
	}
	if (images.length === 1) {
		recordBuilt(engine, first, tags, annotations);
		note(`writing image ${imageIdOf(first)} done`);
		for (const tag of tags) note(`naming to ${canonical(parseReference(tag))} done`);
	}
	return output.type === "registry" || output.options["push"] === "true"
		? push(engine, context, images, tags, annotations, note)
		: undefined;
}

async function push(
	engine: Engine,
	context: Context,
	images: readonly BuiltImage[],
	tags: readonly string[],
	annotations: ReadonlyMap<string, string>,
	note: (text: string) => void,
): Promise<string | undefined> {
	if (tags.length === 0) throw new EngineError("usage", "tag is needed when pushing to registry");
	const { insecureRegistries } = readConfig();
	let digest: string | undefined;
	for (const tag of tags) {
		digest = await pushBuilt(engine, images, parseReference(tag), {
			insecureRegistries,
			credentials: credentialsOf(context),
			annotations,
		});
		note(`pushing ${familiar(canonical(parseReference(tag)))} done`);
	}
	return digest;
}

/** "-" or nothing is standard output. */
function toFile(dest: string | undefined, write: (sink: (chunk: Uint8Array) => void) => void): void {
	const toStdout = dest === undefined || dest === "-";
	if (!toStdout) mkdirSync(dirname(dest), { recursive: true });
	const fd = toStdout ? 1 : openSync(dest, "w", 0o644);
	try {
		write((chunk) => {
			for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
		});
	} catch (error) {
		const { errno, code } = error as NodeJS.ErrnoException;
		if (errno === undefined || error instanceof EngineError) throw error;
		throw new EngineError(
			"failed",
			`write ${dest ?? "standard output"}: ${code === undefined ? String(error) : errnoText(Math.abs(errno))}`,
		);
	} finally {
		if (!toStdout) closeSync(fd);
	}
}
