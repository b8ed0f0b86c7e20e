/**
 * `--cache-from`: results of builds elsewhere. Only the records are fetched at first; a layer comes when a step's key
 * asks for it, and is verified as any layer is.
 */
import { existsSync, readFileSync } from "node:fs";
import type { CacheSource } from "../../build/cache/cache.ts";
import {
	CACHE_CONFIG,
	CacheManifest,
	type CacheRecord,
	inlineCache,
	isCache,
	parseCache,
	type RemoteRecord,
} from "../../build/cache/cache-document.ts";
import { EngineError } from "../../errors.ts";
import { extractLayer } from "../../image/layer/extract.ts";
import { pullLayers } from "../../image/pull/layers.ts";
import { fetchDocument, fetchManifest, resolveManifest } from "../../image/reference/manifest.ts";
import { canonical, familiar, parseReference } from "../../image/reference/reference.ts";
import { type Descriptor, Index, parseDocument } from "../../image/reference/spec.ts";
import type { RegistryClient } from "../../registry/client.ts";
import { sha256 } from "../../store/blobs.ts";
import { transaction } from "../../store/database.ts";
import { putLayerSize } from "../../store/images.ts";
import { hasLayer, hexOf, lockLayer } from "../../store/layers.ts";
import type { Engine } from "../engine.ts";
import { clientFor, type RegistryAccess } from "../registry-access.ts";

/** Brings the layer of a record to the store. */
type Fetch = (layer: Descriptor, diffId: string) => Promise<void>;
type Has = (layer: Descriptor) => boolean;

class RecordedCache implements CacheSource {
	readonly #records: ReadonlyMap<string, RemoteRecord>;
	readonly #layers: readonly Descriptor[];
	readonly #fetch: Fetch;
	readonly #has: Has;

	constructor(records: readonly RemoteRecord[], layers: readonly Descriptor[], fetch: Fetch, has: Has = () => true) {
		this.#records = new Map(records.map((record) => [record.key, record]));
		this.#layers = layers;
		this.#fetch = fetch;
		this.#has = has;
	}

	async fetch(key: string): Promise<CacheRecord | undefined> {
		const record = this.#records.get(key);
		const layer = record && this.#layers[record.layer];
		if (!record || !layer || !this.#has(layer)) return undefined;
		await this.#fetch(layer, record.diffId);
		return record;
	}
}

/** A directory that `--cache-to type=local` wrote: an OCI image layout (image-spec image-layout.md). */
export function localCache({ db, paths }: Engine, directory: string): CacheSource {
	const blob = (digest: string) => `${directory}/blobs/sha256/${hexOf(digest)}`;
	const document = (descriptor: Descriptor) => {
		const text = readFileSync(blob(descriptor.digest), "utf8");
		if (sha256(text) === descriptor.digest) return text;
		throw new EngineError("failed", `${blob(descriptor.digest)} is not what its name says`);
	};
	const index = parseDocument(Index, readFileSync(`${directory}/index.json`, "utf8"), `index of ${directory}`);
	const [top] = index.manifests;
	if (!top) throw new EngineError("failed", `${directory}/index.json names no cache`);
	const manifest = parseDocument(CacheManifest, document(top), `manifest of ${directory}`);
	if (manifest.config.mediaType !== CACHE_CONFIG) {
		throw new EngineError("failed", `${directory} holds ${manifest.config.mediaType}, not a cache of NanoContainer`);
	}
	const records = parseCache(document(manifest.config), `cache of ${directory}`);
	const has = (layer: Descriptor) => existsSync(blob(layer.digest)); // somebody may have tidied up
	const fetch = async (layer: Descriptor, diffId: string) => {
		using _lock = await lockLayer(paths, diffId);
		if (hasLayer(paths, diffId)) return;
		// What is compressed need not be verified: what comes out is, before it can be seen.
		const bytes = Bun.file(blob(layer.digest)).stream();
		const size = await extractLayer(paths, { diffId, size: layer.size, bytes, verify() {} });
		transaction(db, paths, () => putLayerSize(db, diffId, size));
	};
	return new RecordedCache(records, manifest.layers, fetch, has);
}

/** A cache of its own under a name, or an image that says how it was built. */
export async function registryCache(engine: Engine, name: string, access: RegistryAccess): Promise<CacheSource> {
	const { db, paths } = engine;
	const reference = parseReference(name);
	const client = clientFor(reference, access, false);
	const known = familiar(canonical(reference));
	const { records, layers } = await readRecords(client, reference.digest ?? reference.tag ?? "latest", known);
	return new RecordedCache(records, layers, async (layer, diffId) => {
		using held = new DisposableStack();
		const hooks = { onManifest() {}, onLayer() {} };
		await pullLayers({ db, paths, client, name: known, hooks, held }, [layer], [diffId]);
	});
}

async function readRecords(
	client: RegistryClient,
	reference: string,
	name: string,
): Promise<{ records: readonly RemoteRecord[]; layers: readonly Descriptor[] }> {
	const config = (descriptor: Descriptor) =>
		fetchDocument(client, `blobs/${descriptor.digest}`, "configuration", name, [], descriptor).then((bytes) =>
			new TextDecoder().decode(bytes),
		);
	const top = await fetchManifest(client, reference, name);
	const text = new TextDecoder().decode(top.bytes);
	if (isCache(text)) {
		const manifest = parseDocument(CacheManifest, text, `manifest of ${name}`);
		return { records: parseCache(await config(manifest.config), `cache of ${name}`), layers: manifest.layers };
	}
	const { manifest } = await resolveManifest(client, top, name, undefined);
	return { records: inlineCache(await config(manifest.config), `configuration of ${name}`), layers: manifest.layers };
}
