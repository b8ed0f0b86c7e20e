/**
 * Which images an archive holds: by `index.json`, as an OCI image layout (image-spec image-layout.md), or by docker's
 * `manifest.json` (`docker save`), whose layers are plain tar files with a digest that is their DiffID.
 */
import * as v from "valibot";
import { EngineError } from "../errors.ts";
import { sha256 } from "../store/blobs.ts";
import { hexOf } from "../store/layers.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { choosePlatform, formatPlatform, hostPlatform } from "./platform.ts";
import { canonical, parseReference } from "./reference.ts";
import { type Descriptor, ImageConfig, Index, Manifest, MEDIA, parseDocument } from "./spec.ts";

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

const MAX_INDEXES = 100;

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
	const queue: [Buffer, string[], boolean][] = [[top, [], true]];
	for (let read = 0; queue.length; read++) {
		if (read > MAX_INDEXES) throw new EngineError("failed", "invalid archive: too many indexes");
		const [bytes, names, isTop] = queue.shift() as [Buffer, string[], boolean];
		const index = parseDocument(Index, bytes.toString(), "archive's index");
		// The layout's own index lists images; one below lists the platforms of an image.
		const chosen = isTop ? index.manifests : [platformOf(index)];
		for (const descriptor of chosen) {
			const all = [...names, ...nameIn(descriptor.annotations)];
			const document = verified(files, descriptor);
			const nested = descriptor.mediaType === MEDIA.ociIndex || descriptor.mediaType === MEDIA.dockerIndex;
			if (nested) queue.push([document, all, false]);
			else yield [document, all];
		}
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
	if (diffIds !== layers) throw new EngineError("failed", `invalid archive: ${layers} layers but ${diffIds} DiffIDs`);
}

const canonicalNames = (names: readonly string[]): string[] => [
	...new Set(names.map((name) => canonical(parseReference(name)))),
];
