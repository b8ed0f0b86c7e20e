/**
 * The image that this program carries: busybox from Debian, made by build.ts. It is imported the first time somebody
 * asks for it, so that a container can run where there is no registry.
 */
import { readFileSync } from "node:fs";
import configFile from "../../../build/image-config" with { type: "file" };
import layerFile from "../../../build/image-layer.tar.gz" with { type: "file" };
import manifestFile from "../../../build/image-manifest" with { type: "file" };
import type { Paths } from "../../paths.ts";
import { sha256, writeBlob } from "../../store/blobs.ts";
import { type Db, transaction } from "../../store/database.ts";
import { putLayerSize } from "../../store/images.ts";
import { hasLayer, lockLayer } from "../../store/layers.ts";
import { holdStore } from "../../store/store-lock.ts";
import { extractLayer } from "../layer/extract.ts";
import { recordImage } from "../record/record.ts";
import { EMBEDDED_REFERENCE } from "../reference/reference.ts";
import { ImageConfig, Manifest, parseDocument } from "../reference/spec.ts";

/** Imports it. Returns its ID, or undefined if this program was built without (no busybox-static at the time). */
export async function importEmbedded(db: Db, paths: Paths): Promise<string | undefined> {
	const manifestText = readFileSync(manifestFile, "utf8");
	if (manifestText === "") return undefined;
	const configText = readFileSync(configFile, "utf8");
	const config = parseDocument(ImageConfig, configText, "embedded image's configuration");
	const manifest = parseDocument(Manifest, manifestText, "embedded image's manifest");
	const layer = readFileSync(layerFile);
	using _storing = holdStore(paths);
	const diffId = config.rootfs.diff_ids?.[0] ?? "";
	{
		using _lock = await lockLayer(paths, diffId);
		if (!hasLayer(paths, diffId)) {
			const bytes = await extractLayer(paths, { diffId, size: layer.length, bytes: once(layer), verify: () => {} });
			transaction(db, paths, () => putLayerSize(db, diffId, bytes));
		}
	}
	writeBlob(paths, layer);
	writeBlob(paths, Buffer.from(configText));
	const id = manifest.config.digest;
	recordImage(db, paths, {
		id,
		config,
		configText,
		manifest: writeBlob(paths, Buffer.from(manifestText)),
		tags: [EMBEDDED_REFERENCE],
		digests: [`${EMBEDDED_REFERENCE.replace(/:latest$/, "")}@${sha256(manifestText)}`],
	});
	return id;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
	yield bytes;
}
