/** What all steps of one build share. */
import type { Paths } from "../../paths.ts";
import type { Db } from "../../store/database.ts";
import { removeTree } from "../../sys/tree.ts";
import { BuildCache } from "../cache/cache.ts";
import type { BuildHost } from "./host.ts";
import type { BuildOptions, LocalContext } from "./options.ts";
import { type Progress, Vertices } from "./progress.ts";
import { materialize } from "./sources.ts";

export class BuildSession implements Disposable {
	readonly db: Db;
	readonly paths: Paths;
	readonly host: BuildHost;
	readonly options: BuildOptions;
	readonly cache: BuildCache;
	readonly vertices: Vertices;
	readonly progress: Progress;
	/** Ends everything that runs when a step has failed. */
	readonly stop = new AbortController();
	/** --build-arg names that some ARG has taken. */
	readonly consumedArgs = new Set<string>();
	readonly #materialized = new Map<LocalContext, string>();

	constructor(db: Db, paths: Paths, host: BuildHost, options: BuildOptions, progress: Progress) {
		this.db = db;
		this.paths = paths;
		this.host = host;
		this.options = options;
		this.progress = progress;
		this.cache = new BuildCache(db, paths, options.cacheSources, options.held);
		this.vertices = new Vertices(progress);
		options.cancel.addEventListener("abort", () => this.stop.abort(options.cancel.reason), { once: true });
	}

	/** A directory with the files of a context, as steps may mount it; made once. */
	materialized(context: LocalContext): string {
		const known = this.#materialized.get(context);
		if (known) return known;
		const made = materialize(this.paths, context);
		this.#materialized.set(context, made);
		return made;
	}

	/** Files of new layers get no later time than this, in seconds. */
	get clampTo(): number | undefined {
		return this.options.rewriteTimestamp ? this.options.epoch : undefined;
	}

	[Symbol.dispose](): void {
		this.cache.flush();
		for (const directory of this.#materialized.values()) removeTree(directory);
	}
}
