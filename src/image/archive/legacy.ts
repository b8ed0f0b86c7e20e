/**
 * Archives of docker before 1.10: `repositories`, and for each layer a directory with its archive and a description that
 * names the one below (docker's image specification v1.0). The image's configuration is made of these, as docker does.
 */
import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { diffIdOf } from "../layer/diff-id.ts";
import { MAX_LAYERS, parseDocument } from "../reference/spec.ts";
import { assemble } from "./docker.ts";
import type { ArchiveFiles } from "./files.ts";
import type { FoundImage } from "./found.ts";
import { type LayerFile, layerFile } from "./layer-files.ts";

/** Repository → tag → id of the topmost layer. */
const Repositories = v.record(v.string(), v.record(v.string(), v.string()));

const Description = v.looseObject({
	id: v.nullish(v.string(), ""),
	parent: v.nullish(v.string(), ""),
	created: v.nullish(v.string()),
	author: v.nullish(v.string()),
	comment: v.nullish(v.string()),
	container_config: v.nullish(v.looseObject({ Cmd: v.nullish(v.array(v.string())) })),
});
type Description = v.InferOutput<typeof Description>;

/** What a description says of the layer's place, which an image's configuration says in another way. */
const OF_THE_LAYER = ["id", "parent", "parent_id", "layer_id", "Size", "throwaway"];

interface Layer {
	readonly blob: LayerFile;
	readonly diffId: string;
}

export async function legacyImages(files: ArchiveFiles, document: Buffer): Promise<FoundImage[]> {
	const repositories = parseDocument(Repositories, document.toString(), "archive's repositories");
	const names = new Map<string, string[]>();
	for (const [repository, tags] of Object.entries(repositories)) {
		for (const [tag, id] of Object.entries(tags)) {
			names.set(id, [...(names.get(id) ?? []), `${repository}:${tag}`]);
		}
	}
	const layers = new Map<string, Layer>();
	const found: FoundImage[] = [];
	for (const [id, tags] of names) found.push(await legacyImage(files, id, tags, layers));
	return found;
}

async function legacyImage(
	files: ArchiveFiles,
	id: string,
	names: readonly string[],
	known: Map<string, Layer>,
): Promise<FoundImage> {
	const chain = chainOf(files, id);
	const layers: Layer[] = [];
	for (const { id: layerId } of chain) {
		const layer = known.get(layerId) ?? (await readLayer(files, layerId));
		known.set(layerId, layer);
		layers.push(layer);
	}
	const top = chain.at(-1)?.description ?? {};
	const config = {
		...Object.fromEntries(Object.entries(top).filter(([key]) => !OF_THE_LAYER.includes(key))),
		rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
		history: chain.map(({ description }) => historyOf(description)),
	};
	const blobs = layers.map(({ blob }) => blob);
	return assemble(Buffer.from(JSON.stringify(config)), blobs, names);
}

/** From the bottom up. */
function chainOf(files: ArchiveFiles, top: string): { id: string; description: Description }[] {
	const chain: { id: string; description: Description }[] = [];
	for (let id = top; id !== ""; ) {
		if (chain.length >= MAX_LAYERS) {
			throw new EngineError("failed", `invalid archive: an image of more than ${MAX_LAYERS} layers`);
		}
		const document = files.read(`${id}/json`);
		if (!document) throw new EngineError("failed", `invalid archive: it has no ${id}/json`);
		const description = parseDocument(Description, document.toString(), `archive's ${id}/json`);
		chain.unshift({ id, description });
		id = description.parent ?? "";
	}
	return chain;
}

async function readLayer(files: ArchiveFiles, id: string): Promise<Layer> {
	const blob = await layerFile(files.require(`${id}/layer.tar`));
	return { blob, diffId: blob.diffId ?? (await diffIdOf(blob.file)) };
}

function historyOf({ created, author, comment, container_config: made }: Description): object {
	const command = made?.Cmd?.join(" ");
	return {
		...(created ? { created } : {}),
		...(author ? { author } : {}),
		...(command ? { created_by: command } : {}),
		...(comment ? { comment } : {}),
	};
}
