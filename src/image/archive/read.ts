/**
 * Which images an archive holds: by `index.json`, as an OCI image layout (image-spec image-layout.md), or by docker's
 * `manifest.json` (`docker save`), whose layers are plain tar files with a digest that is their DiffID.
 */
import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { sha256 } from "../../store/blobs.ts";
import { hexOf } from "../../store/layers.ts";
import { choosePlatform, formatPlatform, hostPlatform } from "../reference/platform.ts";
import { canonical, parseReference } from "../reference/reference.ts";
import { type Descriptor, ImageConfig, Index, MAX_LAYERS, Manifest, MEDIA, parseDocument } from "../reference/spec.ts";
import type { ArchiveFiles } from "./files.ts";

export interface FoundImage {
	/** The manifest and configuration as they are in the archive, byte for byte. */
	readonly manifest: Buffer;
	readonly configText: string;
	readonly config: ImageConfig;
	readonly id: string;
	readonly layers: readonly { readonly digest: string; readonly diffId: string; readonly file: string }[];
	/** Canonical references. */
	readonly names: readonly string[];
}

const DockerManifest = v.array(
	v.object({
		Config: v.string(),
		RepoTags: v.nullish(v.array(v.string()), []),
		Layers: v.nullish(v.array(v.string()), []),
	}),
);
type DockerImage = v.InferOutput<typeof DockerManifest>[number];

/** Read one after the other, none kept. */
const MAX_DOCUMENTS = 1000;

export function findImages(files: ArchiveFiles): FoundImage[] {
	const docker = files.read("manifest.json");
	const listed = docker ? parseDocument(DockerManifest, docker.toString(), "archive's manifest.json") : [];
	const index = files.read("index.json");
	if (index) return ociImages(files, index, listed);
	if (!docker) throw new EngineError("failed", "invalid archive: it holds neither index.json nor manifest.json");
	return listed.map((image) => dockerImage(files, image));
}

const blob = (digest: string): string => `blobs/sha256/${hexOf(digest)}`;

function verified(files: ArchiveFiles, { digest }: Pick<Descriptor, "digest">): Buffer {
	const bytes = files.read(blob(digest));
	if (!bytes) throw new EngineError("failed", `invalid archive: it has no ${blob(digest)}`);
	if (sha256(bytes) !== digest) throw new EngineError("failed", `invalid archive: ${blob(digest)} has another digest`);
	return bytes;
}

function ociImages(files: ArchiveFiles, index: Buffer, listed: readonly DockerImage[]): FoundImage[] {
	const found = new Map<string, { manifest: Buffer; names: Set<string> }>();
	for (const [bytes, names] of manifestsOf(files, index)) {
		const digest = sha256(bytes);
		const image = found.get(digest) ?? { manifest: bytes, names: new Set() };
		for (const name of names) image.names.add(name);
		found.set(digest, image);
	}
	return [...found.values()].map(({ manifest: bytes, names }) => {
		const manifest = parseDocument(Manifest, bytes.toString(), "archive's image manifest");
		const tags = listed.find(({ Config }) => Config === blob(manifest.config.digest))?.RepoTags ?? [];
		const configText = verified(files, manifest.config).toString();
		const config = parseDocument(ImageConfig, configText, "archive's image configuration");
		const diffIds = config.rootfs.diff_ids ?? [];
		checkCount(diffIds.length, manifest.layers.length);
		return {
			manifest: bytes,
			configText,
			config,
			id: manifest.config.digest,
			layers: manifest.layers.map(({ digest }, i) => ({
				digest,
				diffId: diffIds[i] ?? "",
				file: files.require(blob(digest)),
			})),
			names: canonicalNames([...names, ...(tags ?? [])]),
		};
	});
}

/** Manifests for this machine, through indexes of indexes, with the names they are given on the way. */
function* manifestsOf(files: ArchiveFiles, top: Buffer): Generator<[Buffer, string[]]> {
	// The layout's own index lists images; one below lists the platforms of an image.
	const queue = parseDocument(Index, top.toString(), "archive's index").manifests.map((descriptor) => ({
		descriptor,
		names: nameIn(descriptor.annotations),
	}));
	for (let read = 0; queue.length; read++) {
		if (read >= MAX_DOCUMENTS) throw new EngineError("failed", "invalid archive: too many indexes and images");
		const { descriptor, names } = queue.shift() as (typeof queue)[number];
		const document = verified(files, descriptor);
		if (descriptor.mediaType !== MEDIA.ociIndex && descriptor.mediaType !== MEDIA.dockerIndex) {
			yield [document, names];
			continue;
		}
		const chosen = platformOf(parseDocument(Index, document.toString(), "archive's index"));
		queue.push({ descriptor: chosen, names: [...names, ...nameIn(chosen.annotations)] });
	}
}

function platformOf(index: Index): Index["manifests"][number] {
	const chosen = choosePlatform(index, hostPlatform());
	if (chosen) return chosen;
	throw new EngineError("not-found", `the archive has no image for ${formatPlatform(hostPlatform())}`);
}

/** containerd writes the whole name; the specification's own annotation may be no more than a tag. */
function nameIn(annotations: Descriptor["annotations"]): string[] {
	const name = annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
	return name !== undefined && /[/:]/.test(name) ? [name] : [];
}

function dockerImage(files: ArchiveFiles, image: DockerImage): FoundImage {
	const configBytes = files.read(image.Config);
	if (!configBytes) throw new EngineError("failed", `invalid archive: it has no ${image.Config}`);
	const configText = configBytes.toString();
	const config = parseDocument(ImageConfig, configText, "archive's image configuration");
	const diffIds = config.rootfs.diff_ids ?? [];
	const names = image.Layers ?? [];
	checkCount(diffIds.length, names.length);
	const layers = names.map((name, i) => ({
		digest: diffIds[i] ?? "",
		diffId: diffIds[i] ?? "",
		file: files.require(name),
	}));
	const id = sha256(configBytes);
	const manifest = JSON.stringify({
		schemaVersion: 2,
		mediaType: MEDIA.dockerManifest,
		config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: id, size: configBytes.length },
		layers: layers.map(({ digest, file }) => ({
			mediaType: "application/vnd.docker.image.rootfs.diff.tar",
			digest,
			size: Bun.file(file).size,
		})),
	});
	return {
		manifest: Buffer.from(manifest),
		configText,
		config,
		id,
		layers,
		names: canonicalNames(image.RepoTags ?? []),
	};
}

function checkCount(diffIds: number, layers: number): void {
	if (layers > MAX_LAYERS)
		throw new EngineError("failed", `invalid archive: an image of more than ${MAX_LAYERS} layers`);
	if (diffIds !== layers) throw new EngineError("failed", `invalid archive: ${layers} layers but ${diffIds} DiffIDs`);
}

/** A name with a digest is a claim that an archive cannot make: only a registry's answer is checked against it. */
const canonicalNames = (names: readonly string[]): string[] => [
	...new Set(
		names
			.map((name) => parseReference(name))
			.filter(({ digest }) => digest === undefined)
			.map(canonical),
	),
];
