/**
 * The documents of an image: index, manifest, configuration (OCI image-spec; Docker's schema 2 has the same shapes under
 * other media types). Parsed by valibot, trusted after. Unknown fields are kept out of the types, not refused.
 */
import * as v from "valibot";
import { EngineError } from "../../errors.ts";

export const MEDIA = {
	ociIndex: "application/vnd.oci.image.index.v1+json",
	ociManifest: "application/vnd.oci.image.manifest.v1+json",
	dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
	dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
	ociLayer: "application/vnd.oci.image.layer.v1.tar",
	dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
	schema1: "application/vnd.docker.distribution.manifest.v1+json",
	schema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

const string = v.string();
/** Go writes what is empty as "", null, or not at all. */
const maybeString = v.nullish(string, "");

/** image-spec descriptor.md, Digests: others than sha256 are allowed, and hardly anybody writes them. */
export const digest = v.pipe(
	string,
	v.check(
		(text) => !/^[a-z0-9+._-]+:/.test(text) || text.startsWith("sha256:"),
		({ input }) => otherDigest(input),
	),
	v.regex(/^sha256:[0-9a-f]{64}$/, "is not a sha256 digest"),
);
export const otherDigest = (text: string): string =>
	`is a digest by ${text.split(":")[0]}, which is not supported: only sha256 is`;
const size = v.pipe(v.number(), v.integer(), v.minValue(0));

export const Descriptor = v.object({
	mediaType: maybeString,
	digest,
	size,
	annotations: v.optional(v.nullable(v.record(string, string))),
});
export type Descriptor = v.InferOutput<typeof Descriptor>;

export const Platform = v.object({
	os: maybeString,
	architecture: maybeString,
	variant: maybeString,
});
export type Platform = v.InferOutput<typeof Platform>;

export const Index = v.object({
	schemaVersion: v.literal(2),
	mediaType: maybeString,
	manifests: v.pipe(
		v.array(v.object({ ...Descriptor.entries, platform: v.optional(v.nullable(Platform)) })),
		v.maxLength(1000),
	),
});
export type Index = v.InferOutput<typeof Index>;

export const MAX_LAYERS = 128;

export const Manifest = v.object({
	schemaVersion: v.literal(2),
	mediaType: maybeString,
	config: Descriptor,
	layers: v.pipe(v.array(Descriptor), v.maxLength(MAX_LAYERS, `has more than ${MAX_LAYERS} layers`)),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/** Go writes an absent list or map as null. */
const list = v.array(string);
const listOf = v.nullish(list, []);
const setOf = v.nullish(v.record(string, v.unknown()), {});

const count = v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER)));

/** docker's. Times in nanoseconds. */
const Healthcheck = v.object({
	Test: v.nullish(list),
	Interval: count,
	Timeout: count,
	StartPeriod: count,
	StartInterval: count,
	Retries: count,
});

export const ImageConfig = v.object({
	architecture: maybeString,
	os: maybeString,
	variant: maybeString,
	created: maybeString,
	author: maybeString,
	config: v.nullish(
		v.object({
			User: maybeString,
			Env: listOf,
			Entrypoint: v.nullish(list),
			Cmd: v.nullish(list),
			WorkingDir: maybeString,
			Labels: v.nullish(v.record(string, maybeString), {}),
			ExposedPorts: setOf,
			Volumes: setOf,
			StopSignal: maybeString,
			Healthcheck: v.nullish(Healthcheck),
		}),
		{},
	),
	rootfs: v.object({ type: v.literal("layers"), diff_ids: v.nullish(v.array(digest), []) }),
});
export type ImageConfig = v.InferOutput<typeof ImageConfig>;

/** Parses JSON of a registry or the store; `what` names the document in the error. */
export function parseDocument<S extends v.GenericSchema>(schema: S, text: string, what: string): v.InferOutput<S> {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (cause) {
		throw new EngineError("failed", `The ${what} is not JSON`, { cause });
	}
	const result = v.safeParse(schema, json);
	if (result.success) return result.output;
	const [issue] = result.issues;
	const path = issue?.path?.map((item) => String(item.key)).join(".") ?? "";
	throw new EngineError("failed", `The ${what} is malformed: ${path ? `"${path}" ` : ""}${issue?.message}`);
}
