/** `history`: how an image came to be, as its configuration tells it (image-spec config.md). */
import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { formatPlatform, platformMatches } from "../../image/reference/platform.ts";
import { type Platform, parseDocument } from "../../image/reference/spec.ts";
import { type ImageRecord, layerSize } from "../../store/images.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../identifiers.ts";
import { configOf, findImage, idPrefix, withTag } from "./find.ts";

function ownPlatform(image: ImageRecord): Platform {
	const { os, architecture, variant } = configOf(image);
	return { os: os || "linux", architecture, variant };
}

const WithHistory = v.object({
	history: v.nullish(
		v.array(
			v.object({
				created: v.nullish(v.string()),
				created_by: v.nullish(v.string()),
				comment: v.nullish(v.string()),
				empty_layer: v.nullish(v.boolean()),
			}),
		),
	),
});

export interface HistoryStep {
	/** Of the last step: the image's; undefined: that step's image is not here. */
	readonly id: string | undefined;
	/** Milliseconds since 1970; 0: it is not told. */
	readonly created: number;
	readonly createdBy: string;
	/** Bytes. */
	readonly size: number;
	readonly comment: string;
}

/** The last step first. Throws EngineError where there is no such image, or none of the platform. */
export function historyOf(engine: Engine, name: string, platform?: Platform): HistoryStep[] {
	const image = findImage(engine, name);
	if (!image) throw new EngineError("not-found", `No such image: ${idPrefix(name) ? name : withTag(name)}`);
	if (platform && !platformMatches(platform, ownPlatform(image))) {
		const text = `image with reference ${name} was found but does not provide the specified platform (${formatPlatform(platform)})`;
		throw new EngineError("not-found", text);
	}
	const { history } = parseDocument(WithHistory, image.config, `configuration of image ${shortId(image.id)}`);
	let layer = 0;
	const steps = (history ?? []).map((step): HistoryStep => {
		const diffId = step.empty_layer ? undefined : image.layers[layer++];
		return {
			id: undefined,
			created: Date.parse(step.created ?? "") || 0,
			createdBy: step.created_by ?? "",
			size: diffId === undefined ? 0 : (layerSize(engine.db, diffId) ?? 0),
			comment: step.comment ?? "",
		};
	});
	// Layers that nobody tells of.
	for (; layer < image.layers.length; layer++) {
		const size = layerSize(engine.db, image.layers[layer] ?? "") ?? 0;
		steps.push({ id: undefined, created: 0, createdBy: "", size, comment: "" });
	}
	return steps.toReversed().map((step, i) => (i === 0 ? { ...step, id: image.id } : step));
}
