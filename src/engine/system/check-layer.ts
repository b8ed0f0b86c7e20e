/**
 * One layer against its DiffID, the digest of the archive it was unpacked from. One that a build made gives that archive
 * again (image/diff.ts). An archive from elsewhere had its own order of files and its own way to write numbers: such a
 * layer is compared with its blob, unpacked anew beside it.
 */
import { createReadStream, existsSync, mkdirSync, statSync } from "node:fs";
import { digestLayer } from "../../build/session/layer.ts";
import { messageOf } from "../../errors.ts";
import { decompress } from "../../image/compression/decompress.ts";
import { LayerWriter } from "../../image/layer/unpack.ts";
import { blobsOfLayer } from "../../image/record/known-layers.ts";
import { TarReader } from "../../image/tar/reader.ts";
import { blobPath } from "../../store/blobs.ts";
import { listContainers } from "../../store/containers.ts";
import { listImages } from "../../store/images.ts";
import { exchangeLayer, layerPath } from "../../store/layers.ts";
import { stagingDirectory } from "../../store/staging.ts";
import type { Fd } from "../../sys/fd.ts";
import { tryOwnLock } from "../../sys/file.ts";
import { syncFileSystem } from "../../sys/machine.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Engine } from "../engine.ts";
import { alone, type Finding, type Mended } from "./finding.ts";

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

/** Unpacks a blob that the layer came as, the first that is there and whole. */
async function unpackAgain(
	{ db, paths }: Engine,
	diffId: string,
	directory: string,
): Promise<{ directory: string; error?: string }> {
	let error = "there is no blob of it";
	for (const digest of blobsOfLayer(db, paths, diffId)) {
		const blob = blobPath(paths, digest);
		if (!existsSync(blob)) continue;
		removeTree(directory);
		try {
			mkdirSync(directory, { mode: 0o755 });
			if ((await unpackBlob(blob, directory)) === diffId) return { directory };
			error = "its blob holds another layer";
		} catch (cause) {
			error = messageOf(cause);
		}
	}
	return { directory, error };
}

/** Returns the DiffID of what it unpacked. */
async function unpackBlob(blob: string, directory: string): Promise<string> {
	const hash = new Bun.CryptoHasher("sha256");
	using writer = new LayerWriter(directory);
	const reader = new TarReader(writer);
	await decompress(createReadStream(blob), statSync(blob).size, (chunk) => {
		hash.update(chunk);
		reader.push(chunk);
	});
	reader.finish();
	writer.finish();
	return `sha256:${hash.digest("hex")}`;
}

const LIVE = new Set(["running", "starting"]);

/** Not under a container's or a build's feet: what they have mounted would be gone. */
function replaceLayer(engine: Engine, diffId: string, lock: Fd, fresh: string): Mended {
	const { db, paths } = engine;
	if (!tryOwnLock(lock)) return failed("a build stands on it: try again when it is through");
	syncFileSystem(paths.root); // a power cut must not leave half of it in the place of a layer that is on record
	// Whoever starts a container records that first, in a transaction: none can come between the look and the exchange.
	const running = engine.transaction(() => {
		const users = new Set(
			listImages(db)
				.filter(({ layers }) => layers.includes(diffId))
				.map(({ id }) => id),
		);
		const found = listContainers(db).find(({ state, config }) => LIVE.has(state.status) && users.has(config.imageId));
		if (!found) exchangeLayer(paths, diffId, fresh);
		return found;
	});
	if (running) return failed(`container ${running.name} runs on it: stop it first`);
	syncFileSystem(paths.root);
	return { done: true, said: "unpacked again" };
}
