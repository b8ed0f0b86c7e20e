/**
 * A build cache that leaves this machine: which step, by its key, has made which layer. It travels as an image whose
 * configuration is this document (artifact usage of image-spec manifest.md), or inside the configuration of the image
 * that was built ("inline"). Keys hold nothing of a machine: they fit wherever the same is built.
 */
import * as v from "valibot";
import { Descriptor, digest, parseDocument } from "../../image/reference/spec.ts";

export const CACHE_CONFIG = "application/vnd.nanocontainer.buildcache.v1+json";
/** Field of an image configuration. */
const INLINE = "nanocontainer.buildcache.v1";

/** What a step has made, to be told to others. */
export interface CacheRecord {
	readonly key: string;
	readonly diffId: string;
	/** Milliseconds since 1970. */
	readonly created: number;
	/** The instruction. */
	readonly description: string;
}

const Record = v.object({
	key: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "is not a key")),
	diffId: digest,
	created: v.pipe(v.number(), v.integer(), v.minValue(0)),
	description: v.pipe(v.string(), v.maxLength(1 << 20)),
	/** Place of its layer in the manifest. */
	layer: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
const Document = v.object({ records: v.pipe(v.array(Record), v.maxLength(100_000)) });
export type RemoteRecord = v.InferOutput<typeof Record>;

/** A cache may have more layers than an image may. */
export const CacheManifest = v.object({
	schemaVersion: v.literal(2),
	config: Descriptor,
	layers: v.pipe(v.array(Descriptor), v.maxLength(10_000)),
});

/** Whether a manifest is that of a cache, by its configuration's media type: an image may mention it anywhere else. */
export function isCache(manifest: string): boolean {
	const Shape = v.object({ config: v.object({ mediaType: v.literal(CACHE_CONFIG) }) });
	try {
		return v.is(Shape, JSON.parse(manifest));
	} catch {
		return false; // no JSON: told by whoever reads it as an image
	}
}

/** `layers`: DiffIDs in the manifest's order. */
const withPlaces = (records: readonly CacheRecord[], layers: readonly string[]): RemoteRecord[] =>
	records.flatMap((record) => {
		const layer = layers.indexOf(record.diffId);
		return layer < 0 ? [] : [{ ...record, layer }];
	});

export const renderCache = (records: readonly CacheRecord[], layers: readonly string[]): string =>
	JSON.stringify({ records: withPlaces(records, layers) });

export const parseCache = (text: string, what: string): RemoteRecord[] => parseDocument(Document, text, what).records;

/** An image configuration that says too how its layers came to be. */
export function withInlineCache(config: string, records: readonly CacheRecord[], layers: readonly string[]): string {
	return JSON.stringify({ ...JSON.parse(config), [INLINE]: { records: withPlaces(records, layers) } });
}

/** Records of an image configuration; none: it was built without them. */
export function inlineCache(config: string, what: string): RemoteRecord[] {
	return parseDocument(v.object({ [INLINE]: v.optional(Document) }), config, what)[INLINE]?.records ?? [];
}
