/** `image prune`: images without a name, and with `all` those that no container is made from. */
import { EngineError } from "../../errors.ts";
import { containersOfImage } from "../../store/containers.ts";
import { type ImageRecord, layerSize, listImages, tagsOf } from "../../store/images.ts";
import type { Engine } from "../engine.ts";
import { checkKeys, type Filters, labelMatches, passes, type Tests, truth } from "../filters.ts";
import { configOf } from "./find.ts";
import { type RemovedImage, removeImage } from "./remove.ts";

export interface PrunedImages {
	readonly images: readonly RemovedImage[];
	/** Bytes of the layers that are gone, unpacked. */
	readonly reclaimed: number;
}

const labelsOf = (image: ImageRecord) => configOf(image).config?.Labels ?? {};
const TESTS: Tests<ImageRecord> = {
	dangling: () => true,
	until: ({ created }, value) => created < Date.parse(value),
	label: (image, value) => labelMatches(labelsOf(image), value),
	"label!": (image, value) => !labelMatches(labelsOf(image), value),
};

/** `until`: times as `Date.parse` reads them. */
export function pruneImages(
	engine: Engine,
	options: { readonly all: boolean; readonly filters: Filters },
): PrunedImages {
	checkKeys(options.filters, Object.keys(TESTS));
	const all = options.all || (options.filters.get("dangling") ?? []).some((value) => !truth("dangling", value));
	const images: RemovedImage[] = [];
	let reclaimed = 0;
	for (const image of listImages(engine.db)) {
		if (!(all || tagsOf(engine.db, image.id).length === 0) || containersOfImage(engine.db, image.id).length) continue;
		if (!passes(image, options.filters, TESTS)) continue;
		const sizes = new Map(image.layers.map((diffId) => [diffId, layerSize(engine.db, diffId) ?? 0]));
		try {
			const removed = removeImage(engine, image.id, { force: true });
			images.push(removed);
			for (const id of removed.deleted) reclaimed += sizes.get(id) ?? 0;
		} catch (error) {
			if (!(error instanceof EngineError)) throw error; // else a container has just been made of it, or it is gone
		}
	}
	return { images, reclaimed };
}
