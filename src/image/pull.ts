/**
 * The story of a pull: a name becomes a manifest, the manifest a configuration and layers; each layer is downloaded,
 * verified and unpacked beside the others, for one lower directory doesn't depend on another; when all are in place,
 * the image is recorded. Until then nothing can be seen of it.
 */
import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { EngineError } from "../errors.ts";
import { debug } from "../log.ts";
import type { Paths } from "../paths.ts";
import { isInsecure, RegistryClient } from "../registry/client.ts";
import type { Credentials } from "../registry/credentials.ts";
import { blobPath, hasBlob, writeBlob } from "../store/blobs.ts";
import { type Db, transaction } from "../store/database.ts";
import { getImage, putLayerSize } from "../store/images.ts";
import { hasLayer, hexOf, lockLayerAndBlob } from "../store/layers.ts";
import { tryLockFile } from "../sys/file.ts";
import { removeTree } from "../sys/tree.ts";
import { downloadBlob, verifyBlob, WrongBlob } from "./download.ts";
import { checkMediaTypes, fetchDocument, fetchManifest, resolveManifest } from "./manifest.ts";
import { formatPlatform, platformMatches } from "./platform.ts";
import { recordImage } from "./record.ts";
import { canonical, familiar, type Reference, repositoryOf } from "./reference.ts";
import { type Descriptor, ImageConfig, type Manifest, type Platform, parseDocument } from "./spec.ts";
import { sweepOrphans } from "./sweep.ts";
import { type Unpacking, UnpackPool } from "./unpack-pool.ts";

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

export interface PullOptions {
	readonly platform: Platform | undefined;
	readonly credentials: (host: string) => Credentials | undefined;
	readonly insecureRegistries: readonly string[];
	readonly mirrors: readonly string[];
	readonly hooks: PullHooks;
}

export interface Pulled {
	readonly imageId: string;
	/** Of what the name stands for: the index, if there is one. */
	readonly digest: string;
}

const CONCURRENT_DOWNLOADS = 3;

/** Asks the mirrors of Docker Hub first, then the registry itself. */
export async function pullImage(db: Db, paths: Paths, reference: Reference, options: PullOptions): Promise<Pulled> {
	Bun.unsafe.setJITPolicy(1); // this is the one command that runs long enough to be compiled (build.ts)
	const { host, path } = reference;
	const base = { host, repository: path, credentials: () => options.credentials(host) };
	for (const mirror of host === "docker.io" ? options.mirrors : []) {
		const insecure = isInsecure(new URL(mirror).host, options.insecureRegistries);
		try {
			return await pullFrom(new RegistryClient({ ...base, mirror, insecure }), db, paths, reference, options);
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			debug("pull", () => `${mirror}: ${error.message}`);
		}
	}
	const client = new RegistryClient({ ...base, insecure: isInsecure(host, options.insecureRegistries) });
	return pullFrom(client, db, paths, reference, options);
}

async function pullFrom(
	client: RegistryClient,
	db: Db,
	paths: Paths,
	reference: Reference,
	options: PullOptions,
): Promise<Pulled> {
	const name = familiar(canonical(reference));
	const top = await fetchManifest(client, reference.digest ?? reference.tag ?? "latest", name);
	const { manifest, bytes } = await resolveManifest(client, top, name, options.platform);
	checkMediaTypes(manifest, name);
	const configBytes = await fetchDocument(
		client,
		`blobs/${manifest.config.digest}`,
		"configuration",
		name,
		[],
		manifest.config,
	);
	const configText = new TextDecoder().decode(configBytes);
	const config = parseDocument(ImageConfig, configText, `configuration of ${name}`);
	const diffIds = config.rootfs.diff_ids ?? [];
	checkConfig(config, manifest, name, options.platform);
	options.hooks.onManifest();

	// Nobody may remove what this image is made of, until the image is on record.
	using held = new DisposableStack();
	// Of an image that is here already there is nothing to tell.
	const hooks = isComplete(db, paths, manifest, diffIds) ? { ...options.hooks, onLayer: () => {} } : options.hooks;
	await pullLayers({ db, paths, client, name, hooks, held }, manifest.layers, diffIds);

	writeBlob(paths, configBytes);
	recordImage(db, paths, {
		id: manifest.config.digest,
		config,
		configText,
		manifest: writeBlob(paths, bytes),
		tags: reference.digest ? [] : [canonical(reference)],
		digests: [`${repositoryOf(reference)}@${top.digest}`],
	});
	sweepStaging(paths);
	sweepOrphans(db, paths);
	return { imageId: manifest.config.digest, digest: top.digest };
}

function isComplete(db: Db, paths: Paths, manifest: Manifest, diffIds: readonly string[]): boolean {
	return (
		getImage(db, manifest.config.digest) !== undefined &&
		diffIds.every((diffId) => hasLayer(paths, diffId)) &&
		manifest.layers.every(({ digest }) => hasBlob(paths, digest))
	);
}

function checkConfig(config: ImageConfig, manifest: Manifest, name: string, platform: Platform | undefined): void {
	const diffIds = config.rootfs.diff_ids ?? [];
	if (diffIds.length !== manifest.layers.length) {
		throw new EngineError("failed", `${name} has ${manifest.layers.length} layers but ${diffIds.length} DiffIDs`);
	}
	if (config.os && config.os !== "linux") {
		throw new EngineError("unsupported", `image operating system "${config.os}" cannot be used on this platform`);
	}
	if (platform && config.architecture && !platformMatches(platform, config)) {
		throw new EngineError(
			"not-found",
			`image with reference ${name} was found but its platform (${formatPlatform(config)}) does not match the specified platform (${formatPlatform(platform)})`,
		);
	}
}

export interface PullWork {
	readonly db: Db;
	readonly paths: Paths;
	readonly client: RegistryClient;
	readonly name: string;
	readonly hooks: PullHooks;
	/** Locks that are kept until the image is recorded. */
	readonly held: DisposableStack;
}

/** All layers at once: three downloads, an unpacking for each core. The first failure stops the others. */
export async function pullLayers(
	work: PullWork,
	layers: readonly Descriptor[],
	diffIds: readonly string[],
): Promise<void> {
	using pool = new UnpackPool(work.paths);
	const stop = new AbortController();
	const queue = [...new Map(layers.map((layer, i) => [diffIds[i] ?? "", layer]))];
	let failure: unknown;
	const fail = (error: unknown) => {
		failure ??= error;
		queue.length = 0;
		stop.abort(error);
	};
	const unpackings: Promise<void>[] = [];
	const lanes = Array.from({ length: Math.min(CONCURRENT_DOWNLOADS, queue.length) }, async () => {
		for (let next = queue.shift(); next; next = queue.shift()) {
			const [diffId, layer] = next;
			try {
				const { unpacked } = await pullLayer(work, pool, layer, diffId, stop.signal);
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
	layer: Descriptor,
	diffId: string,
	signal: AbortSignal,
): Promise<{ readonly unpacked: Promise<void> }> {
	const { paths, hooks } = work;
	const short = hexOf(layer.digest).slice(0, 12);
	if (!hasLayer(paths, diffId)) hooks.onLayer(short, "Pulling fs layer");
	const locks = await lockLayerAndBlob(paths, diffId, layer.digest);
	if (locks.present) {
		hooks.onLayer(short, "Already exists");
		work.held.use(locks);
		return { unpacked: Promise.resolve() };
	}
	try {
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
			}
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

const DAY_MS = 24 * 60 * 60 * 1000;

/** Takes away what killed pulls left: unpackings that nobody is at, and parts that nobody has come back for. */
function sweepStaging(paths: Paths): void {
	for (const entry of readdirSync(paths.staging)) {
		const path = `${paths.staging}/${entry}`;
		const layer = /^layer-([0-9a-f]{64})$/.exec(entry)?.[1];
		if (layer) {
			using lock = tryLockFile(`${paths.locks}/layer-${layer}`);
			if (lock) removeTree(path);
		} else if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > DAY_MS) {
			rmSync(path, { recursive: true, force: true });
		}
	}
}
