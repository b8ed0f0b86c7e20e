/** `--output`: where the result of a build goes. Without one, to the local images. */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { BuiltImage } from "../build/build.ts";
import type { Progress } from "../build/progress.ts";
import { Vertices } from "../build/progress.ts";
import { exportDirectory, exportTar } from "../build/rootfs-export.ts";
import { imageIdOf, recordBuilt } from "../engine/build.ts";
import { archiveOf, pushBuilt } from "../engine/build-export.ts";
import { readConfig } from "../engine/config.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineError } from "../errors.ts";
import { writeImageArchive } from "../image/archive.ts";
import { canonical, familiar, parseReference } from "../image/reference.ts";
import { findCredentials } from "../registry/credentials.ts";
import { errnoText } from "../sys/errno.ts";
import { isTerminal } from "../sys/terminal.ts";
import type { BuildFlags } from "./build-flags.ts";
import type { Context } from "./command.ts";
import { parseCsv } from "./parse-csv.ts";

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

export async function deliver(
	engine: Engine,
	context: Context,
	image: BuiltImage,
	delivery: Delivery,
	progress: Progress,
): Promise<void> {
	const vertices = new Vertices(progress, EXPORT_NUMBERS);
	for (const output of delivery.outputs) {
		const tags = output.options["name"]?.split(",") ?? delivery.tags;
		await vertices.run(titleOf(output), async (vertex) => {
			const note = (text: string) => progress.note(vertex, text);
			await deliverOne(engine, context, image, output, tags, delivery.annotations, note);
			return { value: undefined, cached: false };
		});
	}
}

/** Numbers of vertices that no step of a build reaches. */
const EXPORT_NUMBERS = 1000;

const titleOf = ({ type }: Output): string =>
	type === "image" || type === "docker"
		? "exporting to image"
		: type === "registry"
			? "pushing"
			: `exporting to ${type}`;

async function deliverOne(
	engine: Engine,
	context: Context,
	image: BuiltImage,
	output: Output,
	tags: readonly string[],
	annotations: ReadonlyMap<string, string>,
	note: (text: string) => void,
): Promise<void> {
	const { dest } = output.options;
	switch (output.type) {
		case "local":
			exportDirectory(engine.paths, image.layers, dest ?? ".");
			return;
		case "tar":
			return toFile(dest, (sink) => exportTar(engine.paths, image.layers, sink));
		case "docker":
		case "oci":
			if (output.type === "oci" || dest !== undefined) {
				const archive = archiveOf(engine, image, tags, annotations);
				return toFile(dest, (sink) => writeImageArchive(engine.paths, archive, sink));
			}
			break;
		default:
	}
	recordBuilt(engine, image, tags, annotations);
	note(`writing image ${imageIdOf(image)} done`);
	for (const tag of tags) note(`naming to ${canonical(parseReference(tag))} done`);
	if (output.type !== "registry" && output.options["push"] !== "true") return;
	if (tags.length === 0) throw new EngineError("usage", "tag is needed when pushing to registry");
	const { insecureRegistries } = readConfig();
	for (const tag of tags) {
		await pushBuilt(engine, image, parseReference(tag), {
			insecureRegistries,
			credentials: (host) => findCredentials(context.global.configDir, host),
			annotations,
		});
		note(`pushing ${familiar(canonical(parseReference(tag)))} done`);
	}
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
