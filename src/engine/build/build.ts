/** `build`: gives a build what it needs of the engine, and records what comes out. */

import { build } from "../../build/build.ts";
import type { BuiltImage } from "../../build/built-image.ts";
import { renderManifest, storedLayers } from "../../build/manifest.ts";
import type { BuildHost, SourceImage } from "../../build/session/host.ts";
import type { Platform } from "../../build/session/image-config.ts";
import type { BuildOptions } from "../../build/session/options.ts";
import type { Progress } from "../../build/session/progress.ts";
import { EngineError } from "../../errors.ts";
import { recordImage } from "../../image/record/record.ts";
import { platformMatches } from "../../image/reference/platform.ts";
import { canonical, parseReference } from "../../image/reference/reference.ts";
import { ImageConfig, parseDocument } from "../../image/reference/spec.ts";
import { sha256, writeBlob } from "../../store/blobs.ts";
import { digestsOf, type ImageRecord } from "../../store/images.ts";
import { holdStore } from "../../store/store-lock.ts";
import type { Engine } from "../engine.ts";
import { tellingFull } from "../full-disk.ts";
import { configOf, findImage, findOrImport } from "../image/find.ts";
import { runStep } from "./run-step.ts";

/** Pulls an image; the command line knows credentials and configuration. */
export type PullBase = (reference: string, platform: Platform) => Promise<ImageRecord>;

/** Runs a build to its end. Nothing is recorded yet but its cache. */
export function buildImage(
	engine: Engine,
	options: BuildOptions,
	progress: Progress,
	pull: PullBase,
	debug?: BuildHost["debug"],
): Promise<BuiltImage> {
	const host: BuildHost = {
		...(debug ? { debug } : {}),
		runStep: (step) => runStep(engine, step),
		image: (reference, platform, { pull: newer }) =>
			sourceImage(engine, reference, platform, newer ? "always" : "missing", pull),
	};
	return tellingFull(engine.paths, () => build(engine.db, engine.paths, host, options, progress));
}

async function sourceImage(
	engine: Engine,
	reference: string,
	platform: Platform,
	when: "always" | "missing",
	pull: PullBase,
): Promise<SourceImage> {
	const local = when === "missing" ? await localImage(engine, reference) : undefined;
	const fits = local && platformMatches(platform, configOf(local));
	const record = fits ? local : await pull(reference, platform);
	return {
		id: record.id,
		config: record.config,
		layers: record.layers,
		digest: digestsOf(engine.db, record.id)[0],
		manifest: record.manifest,
	};
}

/** By name, or by ID: a build may go on from one before. */
async function localImage(engine: Engine, reference: string): Promise<ImageRecord | undefined> {
	try {
		return await findOrImport(engine, reference);
	} catch (error) {
		if (error instanceof EngineError && error.code === "usage") throw error;
		return findImage(engine, reference);
	}
}

/** Records a built image under its names; returns its ID. */
export function recordBuilt(
	engine: Engine,
	image: BuiltImage,
	tags: readonly string[],
	annotations: ReadonlyMap<string, string>,
): string {
	const { db, paths } = engine;
	using _storing = holdStore(paths);
	const id = writeBlob(paths, Buffer.from(image.config));
	const layers = storedLayers(db, paths, image.layers, image.baseManifest);
	const manifest = writeBlob(paths, Buffer.from(renderManifest(image.config, layers, Object.fromEntries(annotations))));
	recordImage(db, paths, {
		id,
		config: parseDocument(ImageConfig, image.config, "built configuration"),
		configText: image.config,
		manifest,
		tags: tags.map((tag) => canonical(parseReference(tag))),
		digests: [],
	});
	return id;
}

export const imageIdOf = (image: BuiltImage): string => sha256(image.config);
