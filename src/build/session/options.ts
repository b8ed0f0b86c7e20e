/** What a build is asked for, after the command line has been read. */
import type { CacheSource } from "../cache/cache.ts";
import type { ParsedDockerfile } from "../dockerfile/parse.ts";
import type { IgnoreRules } from "../files/ignore.ts";
import type { StepEnvironment } from "./host.ts";
import type { Platform } from "./image-config.ts";

/** A directory of the host that files are taken from, as far as its ignore file lets them. */
export interface LocalContext {
	readonly directory: string;
	readonly ignore: IgnoreRules;
}

/** --build-context name=… */
export type NamedContext =
	| { readonly kind: "local"; readonly context: LocalContext }
	| { readonly kind: "image"; readonly reference: string };

export interface BuildOptions {
	readonly dockerfile: ParsedDockerfile;
	/** As progress and errors call it: "Dockerfile". */
	readonly dockerfileName: string;
	readonly context: LocalContext;
	readonly contexts: ReadonlyMap<string, NamedContext>;
	readonly target: string | undefined;
	readonly buildArgs: ReadonlyMap<string, string>;
	readonly labels: ReadonlyMap<string, string>;
	/** Every step is run again. */
	readonly noCache: boolean;
	/** The steps of these stages are. */
	readonly noCacheFilter: ReadonlySet<string>;
	/** --cache-from */
	readonly cacheSources: readonly CacheSource[];
	/** Ends the build: Ctrl-C. */
	readonly cancel: AbortSignal;
	/** Locks that are kept until what was built is recorded. */
	readonly held: DisposableStack;
	/** Asks the registry for newer base images. */
	readonly pull: boolean;
	readonly platform: Platform;
	/** Goes before the names of steps: the platform, if several are built. */
	readonly prefix: string;
	readonly environment: StepEnvironment;
	/** --network: what RUN steps get that ask for nothing else. */
	readonly network: "bridge" | "none" | "host";
	readonly secrets: ReadonlyMap<string, Uint8Array>;
	/** Sockets of agents by ID. */
	readonly ssh: ReadonlyMap<string, string>;
	/** --allow: "network.host", "security.insecure" */
	readonly allow: ReadonlySet<string>;
	/** SOURCE_DATE_EPOCH, in seconds. */
	readonly epoch: number | undefined;
	/** Files of new layers get no later time than `epoch`. */
	readonly rewriteTimestamp: boolean;
}
