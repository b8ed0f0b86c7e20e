/** Built images that leave: as an archive, or to a registry. */
import { closeSync, openSync, writeSync } from "node:fs";
import { createGzip } from "node:zlib";
import type { BuiltImage } from "../build/build.ts";
import { stagingDirectory } from "../build/layer.ts";
import { type LayerDescriptor, OCI_LAYER, OCI_MANIFEST, renderManifest, storedLayers } from "../build/manifest.ts";
import { type ArchivedImage, writeLayerBlob } from "../image/archive.ts";
import { canonical, familiar, parseReference, type Reference } from "../image/reference.ts";
import { isInsecure, RegistryClient } from "../registry/client.ts";
import type { Credentials } from "../registry/credentials.ts";
import { pushBlob, pushManifest } from "../registry/upload.ts";
import { blobPath, hasBlob, sha256 } from "../store/blobs.ts";
import { removeTree } from "../sys/tree.ts";
import type { Engine } from "./engine.ts";

export function archiveOf(
	{ db, paths }: Engine,
	image: BuiltImage,
	tags: readonly string[],
	annotations: ReadonlyMap<string, string>,
): ArchivedImage {
	const layers = storedLayers(db, paths, image.layers, image.baseManifest);
	return {
		config: image.config,
		manifest: renderManifest(image.config, layers, Object.fromEntries(annotations)),
		layers,
		diffIds: image.layers,
		names: tags.map((tag) => {
			const name = canonical(parseReference(tag));
			return { canonical: name, familiar: familiar(name) };
		}),
	};
}

export interface PushOptions {
	readonly insecureRegistries: readonly string[];
	readonly credentials: (host: string) => Credentials | undefined;
	readonly annotations: ReadonlyMap<string, string>;
}

/** Sends what the registry lacks, the manifest last. Returns the manifest's digest. */
export async function pushBuilt(
	{ db, paths }: Engine,
	image: BuiltImage,
	reference: Reference,
	options: PushOptions,
): Promise<string> {
	const { host, path, tag } = reference;
	const client = new RegistryClient({
		host,
		repository: path,
		credentials: () => options.credentials(host),
		insecure: isInsecure(host, options.insecureRegistries),
		push: true,
	});
	const staging = stagingDirectory(paths);
	try {
		const layers: LayerDescriptor[] = [];
		for (const [i, stored] of storedLayers(db, paths, image.layers, image.baseManifest).entries()) {
			const file = hasBlob(paths, stored.digest)
				? { descriptor: stored, path: blobPath(paths, stored.digest) }
				: await compress(
						(sink) => writeLayerBlob(paths, stored.digest, image.layers[i] ?? "", sink),
						`${staging}/${i}`,
					);
			const { digest, size } = file.descriptor;
			await pushBlob(client, { digest, size, body: () => Bun.file(file.path) });
			layers.push(file.descriptor);
		}
		const config = Buffer.from(image.config);
		await pushBlob(client, { digest: sha256(config), size: config.length, body: () => config });
		const manifest = renderManifest(image.config, layers, Object.fromEntries(options.annotations));
		await pushManifest(client, tag ?? "latest", manifest, OCI_MANIFEST);
		return sha256(manifest);
	} finally {
		removeTree(staging);
	}
}

/** An archive to a file, and that through gzip to another, whose digest is taken on the way. */
async function compress(
	write: (sink: (chunk: Uint8Array) => void) => void,
	path: string,
): Promise<{ descriptor: LayerDescriptor; path: string }> {
	const plain = openSync(`${path}.tar`, "w", 0o600);
	try {
		write((chunk) => {
			for (let at = 0; at < chunk.length; ) at += writeSync(plain, chunk, at);
		});
	} finally {
		closeSync(plain);
	}
	const hash = new Bun.CryptoHasher("sha256");
	const out = openSync(path, "w", 0o600);
	let size = 0;
	try {
		const gzip = createGzip();
		const done = (async () => {
			for await (const chunk of gzip as AsyncIterable<Uint8Array>) {
				hash.update(chunk);
				size += chunk.length;
				for (let at = 0; at < chunk.length; ) at += writeSync(out, chunk, at);
			}
		})();
		for await (const chunk of Bun.file(`${path}.tar`).stream()) {
			if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once("drain", resolve));
		}
		gzip.end();
		await done;
	} finally {
		closeSync(out);
	}
	return { descriptor: { mediaType: `${OCI_LAYER}+gzip`, digest: `sha256:${hash.digest("hex")}`, size }, path };
}
