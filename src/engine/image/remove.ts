/** `rmi`: taking names away, and images with their last one. */
import { EngineError } from "../../errors.ts";
import { blobsOf, dropBlob, dropLayer, wantedBlobs } from "../../image/record/sweep.ts";
import { canonical, familiar, parseReference } from "../../image/reference/reference.ts";
import { containersOfImage } from "../../store/containers.ts";
import {
	deleteImage,
	deleteReference,
	digestsOf,
	type ImageRecord,
	imageOfReference,
	layersInUse,
	tagsOf,
} from "../../store/images.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../identifiers.ts";
import { findImage, idPrefix, withTag } from "./find.ts";

export interface RemovedImage {
	readonly untagged: readonly string[];
	readonly deleted: readonly string[];
}

/** `rmi`: takes a name away, and the image with its last one. */
export function removeImage(engine: Engine, text: string, options: { force: boolean }): RemovedImage {
	const image = findImage(engine, text);
	if (!image) throw new EngineError("not-found", `No such image: ${idPrefix(text) ? text : withTag(text)}`);
	const byId = idPrefix(text) !== undefined && imageOfReference(engine.db, canonicalOrEmpty(text)) === undefined;
	const tags = tagsOf(engine.db, image.id);
	const digests = digestsOf(engine.db, image.id);
	const users = containersOfImage(engine.db, image.id);
	const running = users.find((container) => container.state.status === "running");

	if (byId && tags.length > 1 && !options.force) {
		throw new EngineError(
			"conflict",
			`conflict: unable to delete ${shortId(image.id)} (must be forced) - image is referenced in multiple repositories`,
		);
	}
	const name = byId ? undefined : canonical(parseReference(text));
	const lastName = byId || (name !== undefined && tags.every((tag) => tag === name));
	if (!lastName && name) {
		engine.transaction(() => deleteReference(engine.db, name));
		return { untagged: [familiar(name)], deleted: [] };
	}
	const [user] = users;
	if (user && (!options.force || running)) {
		const what = byId ? `unable to delete ${shortId(image.id)}` : `unable to remove repository reference "${text}"`;
		if (running && options.force && name) {
			// docker only takes the name away from an image that runs, and its digests with the last one
			const names = [name, ...digests];
			engine.transaction(() => {
				for (const reference of names) deleteReference(engine.db, reference);
			});
			return { untagged: names.map(familiar), deleted: [] };
		}
		if (running && byId) {
			throw new EngineError(
				"conflict",
				`conflict: ${what} (cannot be forced) - image is being used by running container ${shortId(running.id)}`,
			);
		}
		throw new EngineError(
			"conflict",
			byId
				? `conflict: ${what} (must be forced) - image is being used by stopped container ${shortId(user.id)}`
				: `conflict: ${what} (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(image.id)}`,
		);
	}
	engine.transaction(() => {
		for (const reference of [...tags, ...digests]) deleteReference(engine.db, reference);
		if (!user) deleteImage(engine.db, image.id);
	});
	const layers = user ? [] : removeUnused(engine, image);
	return {
		untagged: [...tags, ...digests].map(familiar),
		deleted: user ? [] : [image.id, ...layers],
	};
}

function canonicalOrEmpty(text: string): string {
	try {
		return canonical(parseReference(text));
	} catch {
		return "";
	}
}

/** Removes layers and blobs that no other image has. Returns the layers' DiffIDs. */
function removeUnused(engine: Engine, image: ImageRecord): string[] {
	const { db, paths } = engine;
	const inUse = layersInUse(db);
	const layers = image.layers.filter((diffId) => !inUse.has(diffId) && dropLayer(paths, diffId));
	const kept = wantedBlobs(db, paths);
	if (kept) for (const digest of blobsOf(paths, image)) if (!kept.has(digest)) dropBlob(paths, digest);
	return layers.reverse();
}
