/** `inspect` of an image, as docker shows it. */
import { familiar } from "../../image/reference/reference.ts";
import { digestsOf, type ImageRecord, tagsOf } from "../../store/images.ts";
import { layerPath } from "../../store/layers.ts";
import type { Engine } from "../engine.ts";
import { configOf } from "./find.ts";

const NEVER = "0001-01-01T00:00:00Z";

/** Keys that docker shows even where the image has none. */
const EMPTY_CONFIG = { User: "", Env: null, Cmd: null, Entrypoint: null, Volumes: null, WorkingDir: "", Labels: null };

export function inspectImage(engine: Engine, image: ImageRecord): object {
	const config = configOf(image);
	// The whole "config" object as the image has it, not only what this program understands.
	const raw = JSON.parse(image.config) as { config?: object | null };
	return {
		Id: image.id,
		RepoTags: tagsOf(engine.db, image.id).map(familiar),
		RepoDigests: digestsOf(engine.db, image.id).map(familiar),
		Parent: "",
		Comment: "",
		Created: config.created || NEVER,
		DockerVersion: "",
		Author: config.author,
		Config: { ...EMPTY_CONFIG, ...raw.config },
		Architecture: config.architecture,
		...(config.variant ? { Variant: config.variant } : {}),
		Os: config.os,
		Size: image.size,
		GraphDriver: {
			Name: "overlay2",
			Data: {
				LowerDir: image.layers
					.map((diffId) => layerPath(engine.paths, diffId))
					.reverse()
					.join(":"),
			},
		},
		RootFS: { Type: "layers", Layers: image.layers },
		Metadata: { LastTagTime: NEVER },
	};
}
