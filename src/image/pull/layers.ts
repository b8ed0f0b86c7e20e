/** The layers of an image, all at once: each is downloaded, verified and unpacked, the unpacking on the download's heels. */
import { closeSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import type { RegistryClient } from "../../registry/client.ts";
import { blobPath, hasBlob } from "../../store/blobs.ts";
import { type Db, transaction } from "../../store/database.ts";
import { putLayerSize } from "../../store/images.ts";
import { hasLayer, hexOf, lockBlob, lockLayerAndBlob } from "../../store/layers.ts";
import { verifyDiffId } from "../layer/diff-id.ts";
import { type Unpacking, UnpackPool } from "../layer/unpack-pool.ts";
import { blobsOfLayer } from "../record/known-layers.ts";
import type { Descriptor } from "../reference/spec.ts";
import { downloadBlob, verifyBlob, WrongBlob } from "./download.ts";

export type LayerStatus =
	| "Pulling fs layer"
	| "Downloading"
	| "Extracting"
	| "Download complete"
	| "Pull complete"
	| "Already exists";

export interface PullHooks {
	/** The image is there to be pulled. */
	readonly onManifest: () => void;
	/** `short` are the first twelve digits of the layer's digest; bytes are given while downloading. */
	readonly onLayer: (short: string, status: LayerStatus, current?: number, total?: number) => void;
}

const CONCURRENT_DOWNLOADS = 3;

export interface PullWork {
	readonly db: Db;
	readonly paths: Paths;
	readonly client: RegistryClient;
	readonly name: string;
	readonly hooks: PullHooks;
	/** Locks that are kept until the image is recorded. */
	readonly held: DisposableStack;
}

interface Wanted {
	readonly layer: Descriptor;
	readonly diffId: string;
	/** The content of a layer before it, compressed in another way: its layer is in hand, the blob alone is missing. */
	readonly twin: boolean;
}

/** Each blob once. An image may have a layer several times, and a blob is the archive of one layer alone. */
function wantedOf(name: string, layers: readonly Descriptor[], diffIds: readonly string[]): Wanted[] {
	const wanted = new Map<string, Wanted>();
	for (const [i, layer] of layers.entries()) {
		const diffId = diffIds[i] ?? "";
		const known = wanted.get(layer.digest);
		if (known && known.diffId !== diffId) {
			throw new EngineError("failed", `invalid image ${name}: two DiffIDs for the layer ${layer.digest}`);
		}
		const twin = [...wanted.values()].some((other) => other.diffId === diffId);
		if (!known) wanted.set(layer.digest, { layer, diffId, twin });
	}
	return [...wanted.values()];
}

/** All layers at once: three downloads, an unpacking for each core. The first failure stops the others. */
export async function pullLayers(
	work: PullWork,
	layers: readonly Descriptor[],
	diffIds: readonly string[],
): Promise<void> {
	const wanted = wantedOf(work.name, layers, diffIds);
	await pullAll(
		work,
		wanted.filter(({ twin }) => !twin),
	);
	await pullAll(
		work,
		wanted.filter(({ twin }) => twin),
	);
}

async function pullAll(work: PullWork, queue: Wanted[]): Promise<void> {
	if (queue.length === 0) return;
	using pool = new UnpackPool(work.paths);
	const stop = new AbortController();
	let failure: unknown;
	const fail = (error: unknown) => {
		failure ??= error;
		queue.length = 0;
		stop.abort(error);
	};
	const unpackings: Promise<void>[] = [];
	const lanes = Array.from({ length: Math.min(CONCURRENT_DOWNLOADS, queue.length) }, async () => {
		for (let next = queue.shift(); next; next = queue.shift()) {
			try {
				const { unpacked } = await pullLayer(work, pool, next, stop.signal);
				unpackings.push(unpacked.catch(fail));
			} catch (error) {
				fail(error);
			}
		}
	});
	await Promise.all(lanes);
	await Promise.all(unpackings);
	if (failure !== undefined) throw failure;
}

/** Downloads a layer. What is returned is its unpacking, which the next download need not await. */
async function pullLayer(
	work: PullWork,
	pool: UnpackPool,
	wanted: Wanted,
	signal: AbortSignal,
): Promise<{ readonly unpacked: Promise<void> }> {
	const { paths, hooks } = work;
	const { layer, diffId, twin } = wanted;
	const short = hexOf(layer.digest).slice(0, 12);
	if (!hasLayer(paths, diffId)) hooks.onLayer(short, "Pulling fs layer");
	const locks = twin
		? await lockBlob(paths, layer.digest, signal)
		: await lockLayerAndBlob(paths, diffId, layer.digest, signal);
	try {
		if (locks.present) {
			const known = blobsOfLayer(work.db, paths, diffId).includes(layer.digest);
			if (!known) await verifyDiffId(blobPath(paths, layer.digest), diffId);
			hooks.onLayer(short, "Already exists");
			work.held.use(locks);
			return { unpacked: Promise.resolve() };
		}
		const { unpacking, settle } = await download(work, pool, layer, diffId, signal);
		const done = async () => {
			try {
				await settle(unpacking);
			} catch (error) {
				locks[Symbol.dispose]();
				throw error;
			}
			locks.share();
			work.held.use(locks);
		};
		return { unpacked: done() };
	} catch (error) {
		locks[Symbol.dispose]();
		throw error;
	}
}

/** Downloads, with the unpacking on its heels; `settle` awaits that, and puts the blob in its place. */
async function download(work: PullWork, pool: UnpackPool, layer: Descriptor, diffId: string, signal: AbortSignal) {
	const { db, paths, client, name, hooks } = work;
	const short = hexOf(layer.digest).slice(0, 12);
	const stored = hasBlob(paths, layer.digest);
	// What is committed is never written to: it is only read, and verified again.
	const file = stored ? blobPath(paths, layer.digest) : `${paths.staging}/blob-${hexOf(layer.digest)}.partial`;
	if (!stored) closeSync(openSync(file, "a", 0o600)); // there for who reads behind the download
	const unpacking = hasLayer(paths, diffId) ? undefined : pool.start(file, diffId, layer.size);
	const onBytes = (bytes: number) => {
		unpacking?.advance(bytes);
		hooks.onLayer(short, "Downloading", bytes, layer.size);
	};
	try {
		if (stored) await verifyBlob(file, layer, onBytes);
		else await downloadBlob(client, layer, file, name, { onBytes, signal });
	} catch (error) {
		await unpacking?.fail("the download failed");
		// A part that filled the disk is no good beginning.
		if (!stored && (statSync(file).size === 0 || error instanceof WrongBlob || isDiskFull(error))) rmSync(file);
		throw error;
	}
	hooks.onLayer(short, "Download complete");
	const settle = async (work: Unpacking | undefined) => {
		try {
			if (work) {
				hooks.onLayer(short, "Extracting");
				const bytes = await work.finish();
				transaction(db, paths, () => putLayerSize(db, diffId, bytes));
			} else await verifyDiffId(file, diffId);
			if (!stored) renameSync(file, blobPath(paths, layer.digest));
			hooks.onLayer(short, "Pull complete");
		} catch (error) {
			if (!stored) rmSync(file, { force: true }); // whole, and yet of no use
			throw error;
		}
	};
	return { unpacking, settle };
}

const isDiskFull = (error: unknown): boolean =>
	error instanceof Error && error.message.endsWith("no space left on device");
