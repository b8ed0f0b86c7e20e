/**
 * The story of a pull: a name becomes a manifest, the manifest a configuration and layers; each layer is downloaded,
 * verified and unpacked beside the others, for one lower directory doesn't depend on another; when all are in place,
 * the image is recorded. Until then nothing can be seen of it.
 */
import { closeSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { EngineError } from "../errors.ts";
import type { Paths } from "../paths.ts";
import { failureOf, isInsecure, RegistryClient } from "../registry/client.ts";
import type { Credentials } from "../registry/credentials.ts";
import { Unreachable } from "../registry/transport.ts";
import { blobPath, hasBlob, sha256, writeBlob } from "../store/blobs.ts";
import { type Db, transaction } from "../store/database.ts";
import { putLayerSize } from "../store/images.ts";
import { hasLayer, hexOf, lockBlob, lockLayer } from "../store/layers.ts";
import { tryLockFile } from "../sys/file.ts";
import { removeTree } from "../sys/tree.ts";
import { downloadBlob, verifyBlob } from "./download.ts";
import { choosePlatform, formatPlatform, hostPlatform, platformMatches } from "./platform.ts";
import { recordImage } from "./record.ts";
import { canonical, familiar, type Reference, repositoryOf } from "./reference.ts";
import { type Descriptor, ImageConfig, Index, Manifest, MEDIA, type Platform, parseDocument } from "./spec.ts";
import { UnpackPool } from "./unpack-pool.ts";

export type LayerStatus =
	| "Pulling fs layer"
	| "Downloading"
	| "Extracting"
	| "Download complete"
	| "Pull complete"
	| "Already exists";

export interface PullHooks {
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
const MAX_DOCUMENT = 8 * 1024 * 1024;

export async function pullImage(db: Db, paths: Paths, reference: Reference, options: PullOptions): Promise<Pulled> {
	Bun.unsafe.setJITPolicy(1); // this is the one command that runs long enough to be compiled (build.ts)
	const name = familiar(canonical(reference));
	const { client, top } = await connect(reference, options);
	const { manifest, bytes } = await resolveManifest(client, top, name, options.platform);
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

	await pullLayers(db, paths, client, manifest.layers, diffIds, name, options.hooks);

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
	return { imageId: manifest.config.digest, digest: top.digest };
}

interface Document {
	readonly bytes: Uint8Array;
	readonly mediaType: string;
	readonly digest: string;
}

/** Asks the mirrors of Docker Hub first, then the registry itself. */
async function connect(reference: Reference, options: PullOptions): Promise<{ client: RegistryClient; top: Document }> {
	const { host, path } = reference;
	const name = familiar(canonical(reference));
	const base = { host, repository: path, credentials: () => options.credentials(host) };
	const mirrors = host === "docker.io" ? options.mirrors : [];
	for (const mirror of mirrors) {
		const client = new RegistryClient({
			...base,
			mirror,
			insecure: isInsecure(new URL(mirror).host, options.insecureRegistries),
		});
		try {
			return { client, top: await fetchManifest(client, reference.digest ?? reference.tag ?? "latest", name) };
		} catch (error) {
			if (!(error instanceof EngineError) && !(error instanceof Unreachable)) throw error;
		}
	}
	const client = new RegistryClient({ ...base, insecure: isInsecure(host, options.insecureRegistries) });
	return { client, top: await fetchManifest(client, reference.digest ?? reference.tag ?? "latest", name) };
}

const ACCEPT = [MEDIA.ociIndex, MEDIA.ociManifest, MEDIA.dockerIndex, MEDIA.dockerManifest, MEDIA.schema1Signed];

async function fetchManifest(client: RegistryClient, reference: string, name: string): Promise<Document> {
	const response = await client.get(`manifests/${reference}`, { Accept: ACCEPT.join(", ") });
	if (!response.ok) throw await failureOf(response, name, "manifest");
	const bytes = await readLimited(response, "manifest");
	const digest = sha256(bytes);
	if (reference.startsWith("sha256:") && digest !== reference) {
		throw new EngineError("failed", `manifest verification failed for digest ${reference}`);
	}
	return { bytes, digest, mediaType: response.headers.get("content-type")?.split(";")[0]?.trim() ?? "" };
}

async function fetchDocument(
	client: RegistryClient,
	path: string,
	what: string,
	name: string,
	accept: readonly string[],
	descriptor: Descriptor,
): Promise<Uint8Array> {
	const response = await client.get(path, accept.length ? { Accept: accept.join(", ") } : {});
	if (!response.ok) throw await failureOf(response, name, what);
	const bytes = await readLimited(response, what);
	if (sha256(bytes) !== descriptor.digest) {
		throw new EngineError("failed", `${what} verification failed for digest ${descriptor.digest}`);
	}
	return bytes;
}

async function readLimited(response: Response, what: string): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of response.body ?? []) {
		size += chunk.length;
		if (size > MAX_DOCUMENT) throw new EngineError("failed", `The ${what} is larger than ${MAX_DOCUMENT} bytes`);
		parts.push(chunk);
	}
	return Buffer.concat(parts);
}

/** From an index to the manifest for the platform. */
async function resolveManifest(
	client: RegistryClient,
	top: Document,
	name: string,
	platform: Platform | undefined,
): Promise<{ manifest: Manifest; bytes: Uint8Array }> {
	const text = new TextDecoder().decode(top.bytes);
	const kind = kindOf(top.mediaType, text);
	if (kind === "schema1") {
		throw new EngineError(
			"unsupported",
			`${name} has a manifest of the old schema 1, which is not supported: push the image again with a newer docker`,
		);
	}
	if (kind === "manifest") return { manifest: parseDocument(Manifest, text, `manifest of ${name}`), bytes: top.bytes };
	const index = parseDocument(Index, text, `index of ${name}`);
	const wanted = platform ?? hostPlatform();
	const chosen = choosePlatform(index, wanted);
	if (!chosen) {
		throw new EngineError(
			"not-found",
			`no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`,
		);
	}
	const accept = [MEDIA.ociManifest, MEDIA.dockerManifest];
	const bytes = await fetchDocument(client, `manifests/${chosen.digest}`, "manifest", name, accept, chosen);
	return { manifest: parseDocument(Manifest, new TextDecoder().decode(bytes), `manifest of ${name}`), bytes };
}

function kindOf(mediaType: string, text: string): "index" | "manifest" | "schema1" {
	if (mediaType === MEDIA.ociIndex || mediaType === MEDIA.dockerIndex) return "index";
	if (mediaType === MEDIA.ociManifest || mediaType === MEDIA.dockerManifest) return "manifest";
	const { schemaVersion, manifests } = parseLoosely(text);
	if (mediaType === MEDIA.schema1 || mediaType === MEDIA.schema1Signed || schemaVersion === 1) return "schema1";
	return Array.isArray(manifests) ? "index" : "manifest";
}

function parseLoosely(text: string): { schemaVersion?: unknown; manifests?: unknown } {
	try {
		return JSON.parse(text) ?? {};
	} catch {
		return {};
	}
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

/** All layers at once: three downloads, an unpacking for each core. The first failure stops the others. */
async function pullLayers(
	db: Db,
	paths: Paths,
	client: RegistryClient,
	layers: readonly Descriptor[],
	diffIds: readonly string[],
	name: string,
	hooks: PullHooks,
): Promise<void> {
	using pool = new UnpackPool(paths);
	const unique = new Map(layers.map((layer, i) => [diffIds[i] ?? "", layer]));
	for (const layer of unique.values()) hooks.onLayer(hexOf(layer.digest).slice(0, 12), "Pulling fs layer");
	const queue = [...unique];
	const lanes = Array.from({ length: Math.min(CONCURRENT_DOWNLOADS, queue.length) }, async () => {
		const unpackings: Promise<void>[] = [];
		for (let next = queue.shift(); next; next = queue.shift()) {
			const [diffId, layer] = next;
			try {
				unpackings.push((await pullLayer(db, paths, client, pool, layer, diffId, name, hooks)).unpacked);
			} catch (error) {
				queue.length = 0;
				await Promise.allSettled(unpackings);
				throw error;
			}
		}
		await Promise.all(unpackings);
	});
	const results = await Promise.allSettled(lanes);
	const failed = results.find((result) => result.status === "rejected");
	if (failed) throw failed.reason;
}

/** Downloads a layer. What is returned is its unpacking, which the next download need not await. */
async function pullLayer(
	db: Db,
	paths: Paths,
	client: RegistryClient,
	pool: UnpackPool,
	layer: Descriptor,
	diffId: string,
	name: string,
	hooks: PullHooks,
): Promise<{ readonly unpacked: Promise<void> }> {
	const short = hexOf(layer.digest).slice(0, 12);
	// By what it unpacks to, so that it is unpacked once; and by what is downloaded, which two layers may share.
	const locks = [await lockLayer(paths, diffId), await lockBlob(paths, layer.digest)];
	const unlock = () => {
		for (const lock of locks) lock[Symbol.dispose]();
	};
	try {
		const present = hasLayer(paths, diffId);
		const stored = hasBlob(paths, layer.digest);
		if (present && stored) {
			hooks.onLayer(short, "Already exists");
			unlock();
			return { unpacked: Promise.resolve() };
		}
		// What is committed is never written to: it is only read, and verified again.
		const file = stored ? blobPath(paths, layer.digest) : `${paths.staging}/blob-${hexOf(layer.digest)}.partial`;
		if (!stored) closeSync(openSync(file, "a", 0o600)); // there for who reads behind the download
		const unpacking = present ? undefined : pool.start(file, diffId, layer.size);
		const onBytes = (bytes: number) => {
			unpacking?.advance(bytes);
			hooks.onLayer(short, "Downloading", bytes, layer.size);
		};
		try {
			if (stored) await verifyBlob(file, layer, onBytes);
			else await downloadBlob(client, layer, file, name, { onBytes });
		} catch (error) {
			await unpacking?.fail("the download failed");
			if (!stored && statSync(file).size === 0) rmSync(file);
			throw error;
		}
		hooks.onLayer(short, "Download complete");
		const done = async () => {
			try {
				if (unpacking) {
					hooks.onLayer(short, "Extracting");
					const bytes = await unpacking.finish();
					transaction(db, paths, () => putLayerSize(db, diffId, bytes));
				}
				if (!stored) renameSync(file, blobPath(paths, layer.digest));
				hooks.onLayer(short, "Pull complete");
			} catch (error) {
				if (!stored) rmSync(file, { force: true }); // whole, and yet of no use
				throw error;
			} finally {
				unlock();
			}
		};
		const finished = done();
		finished.catch(() => {}); // awaited with the others
		return { unpacked: finished };
	} catch (error) {
		unlock();
		throw error;
	}
}

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
