/**
 * One layer against its DiffID, the digest of the archive it was unpacked from. One that a build made gives that archive
 * again (image/diff.ts). An archive from elsewhere had its own order of files and its own way to write numbers: such a
 * layer is compared with its blob, unpacked anew beside it.
 */
import { createReadStream, existsSync, mkdirSync, statSync } from "node:fs";
import { digestLayer } from "../build/layer.ts";
import { messageOf } from "../errors.ts";
import { decompress } from "../image/decompress.ts";
import { Manifest, parseDocument } from "../image/spec.ts";
import { TarReader } from "../image/tar-reader.ts";
import { LayerWriter } from "../image/unpack.ts";
import { blobPath, readBlob } from "../store/blobs.ts";
import { listContainers } from "../store/containers.ts";
import { listImages } from "../store/images.ts";
import { exchangeLayer, layerPath } from "../store/layers.ts";
import { stagingDirectory } from "../store/staging.ts";
import type { Fd } from "../sys/fd.ts";
import { tryOwnLock } from "../sys/file.ts";
import { syncFileSystem } from "../sys/machine.ts";
import { removeTree } from "../sys/tree.ts";
import { alone, type Finding, type Mended } from "./check.ts";
import type { Engine } from "./engine.ts";

/** `lock` is the layer's, shared. Throws for a layer that cannot be read. */
export async function checkLayer(
	engine: Engine,
	diffId: string,
	lock: Fd,
	report: (finding: Finding) => Promise<void>,
): Promise<void> {
	const { paths } = engine;
	const layer = layerPath(paths, diffId);
	if (digestLayer(layer).diffId === diffId) return;
	const staging = stagingDirectory(paths);
	try {
		const fresh = await unpackAgain(engine, diffId, `${staging}/layer`);
		const same = () => contentOf(fresh.directory) === contentOf(layer);
		if (fresh.error === undefined && same()) return;
		const again = "remove its image, and pull, load or build it again, if it does not do what it should";
		await report(
			fresh.error === undefined
				? {
						what: `layer ${diffId} is damaged: its files are not what they were unpacked as`,
						repair: () => alone(paths, () => replaceLayer(engine, diffId, lock, fresh.directory)),
					}
				: { what: `layer ${diffId} cannot be compared with anything (${fresh.error}): ${again}`, repair: undefined },
		);
	} finally {
		removeTree(staging);
	}
}

const failed = (said: string): Mended => ({ done: false, said });

const contentOf = (directory: string): string => digestLayer(directory, { timesOfFilesOnly: true }).diffId;

/** Unpacks the blob that the layer came as. */
async function unpackAgain(
	engine: Engine,
	diffId: string,
	directory: string,
): Promise<{ directory: string; error?: string }> {
	const blob = blobOf(engine, diffId);
	if (blob === undefined || !existsSync(blob)) return { directory, error: "there is no blob of it" };
	try {
		mkdirSync(directory, { mode: 0o755 });
		const hash = new Bun.CryptoHasher("sha256");
		using writer = new LayerWriter(directory);
		const reader = new TarReader(writer);
		await decompress(createReadStream(blob), statSync(blob).size, (chunk) => {
			hash.update(chunk);
			reader.push(chunk);
		});
		reader.finish();
		writer.finish();
		const actual = `sha256:${hash.digest("hex")}`;
		return actual === diffId ? { directory } : { directory, error: "its blob holds another layer" };
	} catch (error) {
		return { directory, error: messageOf(error) };
	}
}

/** The blob that a manifest lists in the place of this layer. */
function blobOf({ db, paths }: Engine, diffId: string): string | undefined {
	for (const image of listImages(db)) {
		const at = image.layers.indexOf(diffId);
		if (at < 0) continue;
		try {
			const manifest = parseDocument(Manifest, readBlob(paths, image.manifest).toString(), "stored manifest");
			const digest = manifest.layers[at]?.digest;
			if (digest !== undefined) return blobPath(paths, digest);
		} catch {
			// another image may have it too
		}
	}
	return undefined;
}

const LIVE = new Set(["running", "starting"]);

/** Not under a container's or a build's feet: what they have mounted would be gone. */
function replaceLayer({ db, paths }: Engine, diffId: string, lock: Fd, fresh: string): Mended {
	const users = new Set(
		listImages(db)
			.filter(({ layers }) => layers.includes(diffId))
			.map(({ id }) => id),
	);
	const running = listContainers(db).find(({ state, config }) => LIVE.has(state.status) && users.has(config.imageId));
	if (running) return failed(`container ${running.name} runs on it: stop it first`);
	if (!tryOwnLock(lock)) return failed("a build stands on it: try again when it is through");
	syncFileSystem(paths.root); // a power cut must not leave half of it in the place of a layer that is on record
	exchangeLayer(paths, diffId, fresh);
	syncFileSystem(paths.root);
	return { done: true, said: "unpacked again" };
}
