/** docker's archives: `manifest.json`, which names a configuration and layers by their paths (`docker save` since 1.10). */
import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { sha256 } from "../../store/blobs.ts";
import { ImageConfig, MEDIA, parseDocument } from "../reference/spec.ts";
import type { ArchiveFiles } from "./files.ts";
import { canonicalNames, checkCount, type FoundImage } from "./found.ts";
import { type LayerFile, layerFile } from "./layer-files.ts";

const DockerManifest = v.array(
	v.object({
		Config: v.string(),
		RepoTags: v.nullish(v.array(v.string()), []),
		Layers: v.nullish(v.array(v.string()), []),
	}),
);
export type DockerImage = v.InferOutput<typeof DockerManifest>[number];

export const parseDockerManifest = (document: Buffer): DockerImage[] =>
	parseDocument(DockerManifest, document.toString(), "archive's manifest.json");

/** Layers that several images have are read once. */
export async function dockerImages(files: ArchiveFiles, listed: readonly DockerImage[]): Promise<FoundImage[]> {
	const seen = new Map<string, LayerFile>();
	const found: FoundImage[] = [];
	for (const image of listed) {
		const layers: LayerFile[] = [];
		for (const name of image.Layers ?? []) {
			const path = files.require(name);
			const layer = seen.get(path) ?? (await layerFile(path));
			seen.set(path, layer);
			layers.push(layer);
		}
		const config = files.read(image.Config);
		if (!config) throw new EngineError("failed", `invalid archive: it has no ${image.Config}`);
		found.push(assemble(config, layers, image.RepoTags ?? []));
	}
	return found;
}

/** An image of a configuration and layers, with the manifest that a registry would have of it. */
export function assemble(configBytes: Buffer, layers: readonly LayerFile[], names: readonly string[]): FoundImage {
	const configText = configBytes.toString();
	const config = parseDocument(ImageConfig, configText, "archive's image configuration");
	const diffIds = config.rootfs.diff_ids ?? [];
	checkCount(diffIds.length, layers.length);
	const id = sha256(configBytes);
	const manifest = JSON.stringify({
		schemaVersion: 2,
		mediaType: MEDIA.dockerManifest,
		config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: id, size: configBytes.length },
		layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
	});
	return {
		manifest: Buffer.from(manifest),
		configText,
		config,
		id,
		layers: layers.map(({ file, digest, diffId: actual }, i) => {
			const diffId = diffIds[i] ?? "";
			if (actual !== undefined && actual !== diffId) {
				throw new EngineError("failed", `invalid archive: the layer ${diffId} has another digest`);
			}
			return { file, digest, diffId, verified: true };
		}),
		names: canonicalNames(names),
	};
}
