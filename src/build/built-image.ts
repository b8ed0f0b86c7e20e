/** What a build comes to: a configuration and layers. */
import type { Db } from "../store/database.ts";
import { listImages } from "../store/images.ts";
import type { CacheRecord } from "./cache/cache-document.ts";
import { type Platform, renderImageConfig } from "./session/image-config.ts";
import type { BuildSession } from "./session/session.ts";
import { isoTime, type StageState } from "./session/state.ts";

export interface BuiltImage {
	/** The image configuration as JSON text. */
	readonly config: string;
	/** DiffIDs, bottom first. */
	readonly layers: readonly string[];
	/** Digest of the base image's manifest: its layers' blobs are in the store. */
	readonly baseManifest: string | undefined;
	readonly platform: Platform;
	/** What the steps have made or found, for who is to have the cache too. */
	readonly cache: readonly CacheRecord[];
}

export function finish({ db, options, cache }: BuildSession, state: StageState): BuiltImage {
	for (const [name, value] of options.labels) state.defaults.labels.set(name, value);
	const { defaults, history, layers: diffIds } = state;
	const render = (created: string) =>
		renderImageConfig({ defaults, platform: state.platform, diffIds, history, created });
	const last = history.at(-1)?.created;
	const config =
		options.epoch !== undefined
			? render(isoTime(options.epoch * 1000))
			: last !== undefined
				? render(last)
				: (builtBefore(db, render) ?? render(isoTime(Date.now())));
	const { layers, baseManifest, platform } = state;
	return { config, layers, baseManifest, platform, cache: cache.records };
}

/** Without a layer there is nothing in the cache that has a date: the same input gives the image that it gave before. */
const builtBefore = (db: Db, render: (created: string) => string): string | undefined =>
	listImages(db).find(({ config }) => {
		const { created } = JSON.parse(config) as { created?: string };
		return created !== undefined && render(created) === config;
	})?.config;
