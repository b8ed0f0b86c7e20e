/**
 * Which images an archive holds: by `index.json`, as an OCI image layout (image-spec image-layout.md), by docker's
 * `manifest.json`, or by the `repositories` of docker's first years.
 */
import { EngineError } from "../../errors.ts";
import { sha256 } from "../../store/blobs.ts";
import { hexOf } from "../../store/layers.ts";
import { choosePlatform, formatPlatform, hostPlatform } from "../reference/platform.ts";
import { parseReference } from "../reference/reference.ts";
import { type Descriptor, ImageConfig, Index, Manifest, MEDIA, parseDocument } from "../reference/spec.ts";
import { type DockerImage, dockerImages, parseDockerManifest } from "./docker.ts";
import type { ArchiveFiles } from "./files.ts";
import { canonicalNames, checkCount, type FoundImage } from "./found.ts";
import { legacyImages } from "./legacy.ts";

/** Read one after the other, none kept. */
const MAX_DOCUMENTS = 1000;

export async function findImages(files: ArchiveFiles): Promise<FoundImage[]> {
	const docker = files.read("manifest.json");
	const listed = docker ? parseDockerManifest(docker) : [];
	const index = files.read("index.json");
	if (index) return ociImages(files, index, listed);
	if (docker) return await dockerImages(files, listed);
	const repositories = files.read("repositories");
	if (repositories) return await legacyImages(files, repositories);
	throw new EngineError(
		"failed",
		"invalid archive: it holds neither index.json nor manifest.json nor repositories: is it an image? A file system is for ADD in a Dockerfile",
	);
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
				verified: false,
			})),
			names: canonicalNames([...names, ...(tags ?? [])]),
		};
	});
}

/** Manifests for this machine, through indexes of indexes, with the names they are given on the way. */
function* manifestsOf(files: ArchiveFiles, top: Buffer): Generator<[Buffer, string[]]> {
	// The layout's own index lists images; one below lists the platforms of an image.
	const queue = ofThisMachine(parseDocument(Index, top.toString(), "archive's index")).map((descriptor) => ({
		descriptor,
		names: nameIn(descriptor.annotations),
	}));
	for (let read = 0; queue.length; read++) {
		if (read >= MAX_DOCUMENTS) throw new EngineError("failed", "invalid archive: too many indexes and images");
		const { descriptor, names } = queue.shift() as (typeof queue)[number];
		const document = verified(files, descriptor);
		if (!isIndex(descriptor)) {
			yield [document, names];
			continue;
		}
		for (const chosen of chosenOf(parseDocument(Index, document.toString(), "archive's index"))) {
			queue.push({ descriptor: chosen, names: [...names, ...nameIn(chosen.annotations)] });
		}
	}
}

/** Without what is told of an image (attestations), and without the other platforms of an image that is there for this one. */
function ofThisMachine({ manifests }: Index): Index["manifests"] {
	type Listed = Index["manifests"][number];
	const nameOf = ({ annotations }: Listed): string => nameIn(annotations)[0] ?? "";
	const isOurs = (one: Listed): boolean =>
		one.platform !== undefined &&
		choosePlatform({ manifests: [one] } as unknown as Index, hostPlatform()) !== undefined;
	const ours = new Set(manifests.filter(isOurs).map(nameOf));
	return manifests.filter(
		(one) =>
			one.annotations?.["vnd.docker.reference.type"] === undefined &&
			(one.platform === undefined || isOurs(one) || !ours.has(nameOf(one))),
	);
}

/** The one for this machine; else the indexes among them that say nothing of platforms. */
function chosenOf(index: Index): readonly Index["manifests"][number][] {
	const chosen = choosePlatform(index, hostPlatform());
	if (chosen) return [chosen];
	const further = index.manifests.filter((one) => isIndex(one) && !one.platform);
	if (further.length) return further;
	throw new EngineError("not-found", `the archive has no image for ${formatPlatform(hostPlatform())}`);
}

const isIndex = ({ mediaType }: Descriptor): boolean => mediaType === MEDIA.ociIndex || mediaType === MEDIA.dockerIndex;

/** An annotation may hold what somebody else calls it. */
function isReference(name: string): boolean {
	try {
		parseReference(name);
		return true;
	} catch {
		return false;
	}
}

/** containerd writes the whole name; the specification's own annotation may be no more than a tag. */
function nameIn(annotations: Descriptor["annotations"]): string[] {
	const name = annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
	return name !== undefined && /[/:]/.test(name) && isReference(name) ? [name] : [];
}
