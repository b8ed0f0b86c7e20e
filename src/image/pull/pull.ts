/**
 * The story of a pull: a name becomes a manifest, the manifest a configuration and layers; each layer is downloaded,
 * verified and unpacked beside the others, for one lower directory doesn't depend on another; when all are in place,
 * the image is recorded. Until then nothing can be seen of it.
 */
import { readdirSync, statSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { debug } from "../../log.ts";
import type { Paths } from "../../paths.ts";
import { isInsecure, RegistryClient } from "../../registry/client.ts";
import type { Credentials } from "../../registry/credentials.ts";
import { hasBlob, writeBlob } from "../../store/blobs.ts";
import type { Db } from "../../store/database.ts";
import { getImage } from "../../store/images.ts";
import { hasLayer, tryLock } from "../../store/layers.ts";
import { sweepAbandoned } from "../../store/staging.ts";
import { holdStore } from "../../store/store-lock.ts";
import { removeTree } from "../../sys/tree.ts";
import { recordImage } from "../record/record.ts";
import { sweepOrphans } from "../record/sweep.ts";
import { checkMediaTypes, fetchDocument, fetchManifest, resolveManifest } from "../reference/manifest.ts";
import { formatPlatform, platformMatches } from "../reference/platform.ts";
import { canonical, familiar, type Reference, repositoryOf } from "../reference/reference.ts";
import { ImageConfig, type Manifest, type Platform, parseDocument } from "../reference/spec.ts";
import { type PullHooks, pullLayers } from "./layers.ts";

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
	using storing = holdStore(paths);
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
	storing[Symbol.dispose]();
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

const DAY_MS = 24 * 60 * 60 * 1000;

/** Takes away what killed pulls left: unpackings that nobody is at, and parts that nobody has come back for. */
function sweepStaging(paths: Paths): void {
	sweepAbandoned(paths);
	for (const entry of readdirSync(paths.staging)) {
		const [, kind, hex] = /^(layer|blob)-([0-9a-f]{64})(?:\.partial)?$/.exec(entry) ?? [];
		if (hex === undefined) continue; // its name tells whose it is
		const path = `${paths.staging}/${entry}`;
		const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
		if (kind === "blob" && Date.now() - changed < DAY_MS) continue;
		using lock = tryLock(paths, kind === "layer" ? "layer" : "blob", `sha256:${hex}`);
		if (lock) removeTree(path);
	}
}
