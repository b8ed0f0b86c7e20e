/** From a name to the manifest of the image for a platform (distribution-spec; image-spec image-index.md, manifest.md). */
import { EngineError } from "../../errors.ts";
import { failureOf, type RegistryClient } from "../../registry/client.ts";
import { sha256 } from "../../store/blobs.ts";
import { choosePlatform, formatPlatform, hostPlatform } from "./platform.ts";
import { type Descriptor, Index, Manifest, MEDIA, type Platform, parseDocument } from "./spec.ts";

const MAX_DOCUMENT = 8 * 1024 * 1024;

export interface Document {
	readonly bytes: Uint8Array;
	readonly mediaType: string;
	readonly digest: string;
}

const ACCEPT = [MEDIA.ociIndex, MEDIA.ociManifest, MEDIA.dockerIndex, MEDIA.dockerManifest, MEDIA.schema1Signed];

/** What a tag or digest stands for: a manifest, or an index of several. */
export async function fetchManifest(client: RegistryClient, reference: string, name: string): Promise<Document> {
	const { bytes, response } = await client.read(
		`manifests/${reference}`,
		{ Accept: ACCEPT.join(", ") },
		"manifest",
		MAX_DOCUMENT,
		async (answer) => {
			if (!answer.ok) throw await failureOf(answer, name, "manifest");
		},
	);
	const digest = sha256(bytes);
	if (reference.startsWith("sha256:") && digest !== reference) {
		throw new EngineError("failed", `manifest verification failed for digest ${reference}`);
	}
	return { bytes, digest, mediaType: response.headers.get("content-type")?.split(";")[0]?.trim() ?? "" };
}

/** A document by its descriptor, verified. */
export async function fetchDocument(
	client: RegistryClient,
	path: string,
	what: string,
	name: string,
	accept: readonly string[],
	descriptor: Descriptor,
): Promise<Uint8Array> {
	const headers: Record<string, string> = accept.length ? { Accept: accept.join(", ") } : {};
	const { bytes } = await client.read(path, headers, what, MAX_DOCUMENT, async (answer) => {
		if (!answer.ok) throw await failureOf(answer, name, what);
	});
	if (sha256(bytes) !== descriptor.digest) {
		throw new EngineError("failed", `${what} verification failed for digest ${descriptor.digest}`);
	}
	return bytes;
}

/** Documents that are read on the way to one manifest: an index may list indexes (image-spec image-index.md). */
const MAX_INDEXES = 16;

/** From an index, or an index of indexes, to the manifest for the platform. */
export async function resolveManifest(
	client: RegistryClient,
	top: Document,
	name: string,
	platform: Platform | undefined,
): Promise<{ manifest: Manifest; bytes: Uint8Array }> {
	const wanted = platform ?? hostPlatform();
	const waiting: (Document | Descriptor)[] = [top];
	for (let read = 0; waiting.length && read < MAX_INDEXES; read++) {
		const next = waiting.shift() as Document | Descriptor;
		const document = "bytes" in next ? next : await fetchListed(client, name, next);
		const text = new TextDecoder().decode(document.bytes);
		const kind = kindOf(document.mediaType, text, name);
		if (kind === "schema1") {
			throw new EngineError(
				"unsupported",
				`${name} has a manifest of the old schema 1, which is not supported: push the image again with a newer docker`,
			);
		}
		if (kind === "manifest") {
			return { manifest: parseDocument(Manifest, text, `manifest of ${name}`), bytes: document.bytes };
		}
		const index = parseDocument(Index, text, `index of ${name}`);
		const chosen = choosePlatform(index, wanted);
		// One without a platform may have the wanted one within.
		waiting.unshift(...(chosen ? [chosen] : index.manifests.filter((one) => isIndex(one) && !one.platform)));
	}
	if (waiting.length) {
		throw new EngineError("failed", `The index of ${name} leads through more than ${MAX_INDEXES} indexes`);
	}
	throw new EngineError("not-found", `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`);
}

const isIndex = ({ mediaType }: Descriptor): boolean => KINDS[mediaType] === "index";

async function fetchListed(client: RegistryClient, name: string, descriptor: Descriptor): Promise<Document> {
	const bytes = await fetchDocument(client, `manifests/${descriptor.digest}`, "manifest", name, ACCEPT, descriptor);
	return { bytes, digest: descriptor.digest, mediaType: descriptor.mediaType };
}

/** By its type, its own word, and its content: they must agree, or one of two readers sees another image (CVE-2021-41190). */
function kindOf(mediaType: string, text: string, name: string): "index" | "manifest" | "schema1" {
	const { schemaVersion, manifests, layers, config, mediaType: own } = parseLoosely(text);
	if (mediaType === MEDIA.schema1 || mediaType === MEDIA.schema1Signed || schemaVersion === 1) return "schema1";
	const said = KINDS[mediaType];
	const ownKind = typeof own === "string" ? KINDS[own] : undefined;
	const seen = manifests !== undefined ? "index" : "manifest";
	const both = manifests !== undefined && (layers !== undefined || config !== undefined);
	if (both || (said ?? seen) !== seen || (ownKind ?? seen) !== seen) {
		throw new EngineError("failed", `The manifest of ${name} contradicts itself: is it an index or a manifest?`);
	}
	return seen;
}

const KINDS: Readonly<Record<string, "index" | "manifest">> = {
	[MEDIA.ociIndex]: "index",
	[MEDIA.dockerIndex]: "index",
	[MEDIA.ociManifest]: "manifest",
	[MEDIA.dockerManifest]: "manifest",
};

const CONFIG_TYPES = [
	"",
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json",
	"application/octet-stream",
];
const LAYER_TYPES =
	/^(|application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+(gzip|zstd))?|application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?|application\/octet-stream)$/;

/** Registries hold other things than images: charts, signatures, plugins. */
export function checkMediaTypes(manifest: Manifest, name: string): void {
	const strange = [
		...(CONFIG_TYPES.includes(manifest.config.mediaType) ? [] : [manifest.config.mediaType]),
		...manifest.layers.map(({ mediaType }) => mediaType).filter((type) => !LAYER_TYPES.test(type)),
	];
	if (strange[0]) throw new EngineError("unsupported", `${name} is not an image: it holds "${strange[0]}"`);
}

function parseLoosely(text: string): Record<string, unknown> {
	try {
		return JSON.parse(text) ?? {};
	} catch {
		return {};
	}
}
