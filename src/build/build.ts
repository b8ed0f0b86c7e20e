/**
 * The story of a build: the Dockerfile has been read; its stages are planned; the target's is built, and with it, each
 * once and beside the others, the stages that it needs; what comes out is an image: a configuration and layers.
 */
import { EngineError } from "../errors.ts";
import { parsePlatform } from "../image/reference/platform.ts";
import { parseDocument } from "../image/reference/spec.ts";
import type { Paths } from "../paths.ts";
import type { Db } from "../store/database.ts";
import { sweepAbandoned } from "../store/staging.ts";
import { type BuiltImage, finish } from "./built-image.ts";
import {
	located,
	planStages,
	resolveSource,
	type Source,
	type Stage,
	type StagePlan,
	sourceNames,
} from "./dockerfile/stages.ts";
import type { BuildHost } from "./session/host.ts";
import { BaseConfig, defaultsOf, type Platform } from "./session/image-config.ts";
import type { BuildOptions } from "./session/options.ts";
import type { Progress } from "./session/progress.ts";
import { BuildSession } from "./session/session.ts";
import { type OpenSource, openContext, openLayers } from "./session/sources.ts";
import { continueState, type StageState, scratchState } from "./session/state.ts";
import { buildStage } from "./stage.ts";

export async function build(
	db: Db,
	paths: Paths,
	host: BuildHost,
	options: BuildOptions,
	progress: Progress,
): Promise<BuiltImage> {
	sweepAbandoned(paths);
	using session = new BuildSession(db, paths, host, options, progress);
	const plan = planStages(options.dockerfile, {
		target: options.target,
		buildArgs: options.buildArgs,
		platformArgs: platformArgs(options.platform),
		contexts: new Set(options.contexts.keys()),
	});
	const run = new StageRun(session, plan);
	try {
		const state = await run.stage(plan.target);
		warnOfUnusedArgs(session, plan);
		return finish(session, state);
	} catch (error) {
		session.stop.abort(new DOMException("canceled", "AbortError"));
		await run.settled();
		throw error;
	}
}

/** TARGETPLATFORM and its family (Dockerfile reference, "Automatic platform ARGs in the global scope"). */
export function platformArgs(target: Platform): Map<string, string> {
	const own: Platform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64", variant: "" };
	const of = (prefix: string, { os, architecture, variant }: Platform): [string, string][] => [
		[`${prefix}PLATFORM`, [os, architecture, variant].filter(Boolean).join("/")],
		[`${prefix}OS`, os],
		[`${prefix}ARCH`, architecture],
		[`${prefix}VARIANT`, variant],
	];
	return new Map([...of("TARGET", target), ...of("BUILD", own)]);
}

/** Each stage is built at most once, by whoever asks for it first. */
class StageRun {
	readonly #session: BuildSession;
	readonly #plan: StagePlan;
	readonly #stages = new Map<number, Promise<StageState>>();
	readonly #images = new Map<string, Promise<StageState>>();

	constructor(session: BuildSession, plan: StagePlan) {
		this.#session = session;
		this.#plan = plan;
	}

	stage(stage: Stage): Promise<StageState> {
		const known = this.#stages.get(stage.index);
		if (known) return known;
		const result = this.#build(stage);
		this.#stages.set(stage.index, result);
		result.catch(() => {}); // whoever needs it will hear
		return result;
	}

	/** When all that was begun has ended. */
	async settled(): Promise<void> {
		await Promise.allSettled(this.#stages.values());
	}

	async #build(stage: Stage): Promise<StageState> {
		const { options } = this.#session;
		// Stages that it will copy from can be built meanwhile.
		for (const name of stage.instructions.flatMap(sourceNames)) {
			const source = this.#tryResolve(stage, name);
			if (source?.kind === "stage") this.stage(this.#at(source.index)).catch(() => {});
		}
		const wanted = stage.platform;
		const platform =
			wanted === undefined ? options.platform : located(stage.from.range, () => parsePlatformText(wanted));
		const base = await this.#base(stage.base, platform);
		const scope = {
			escapeChar: this.#plan.escapeChar,
			buildArgs: options.buildArgs,
			globalArgs: this.#plan.globalArgs,
			platformArgs: this.#plan.automatic,
		};
		const name = this.#plan.stages.length > 1 || stage.name ? (stage.name ?? `stage-${stage.index}`) : "";
		const title = `${options.prefix} ${name}`.trim();
		return buildStage({
			session: this.#session,
			stage,
			title,
			state: base,
			scope,
			openFrom: (from) => this.#open(stage, from, platform),
		});
	}

	#at(index: number): Stage {
		const stage = this.#plan.stages[index];
		if (!stage) throw new EngineError("invalid", `there is no stage ${index}`);
		return stage;
	}

	#tryResolve(stage: Stage, name: string): Source | undefined {
		try {
			return resolveSource(this.#plan, stage, name, new Set(this.#session.options.contexts.keys()));
		} catch {
			return undefined; // told where it is used
		}
	}

	async #base(source: Source, platform: Platform): Promise<StageState> {
		switch (source.kind) {
			case "scratch":
				return scratchState(platform);
			case "stage":
				return continueState(await this.stage(this.#at(source.index)));
			case "image":
				return continueState(await this.#image(source.reference, platform));
			case "context": {
				const context = this.#session.options.contexts.get(source.name);
				if (context?.kind !== "image") {
					throw new EngineError("unsupported", `FROM ${source.name}: a directory cannot be the base of a stage`);
				}
				return continueState(await this.#image(context.reference, platform));
			}
		}
	}

	#image(reference: string, platform: Platform): Promise<StageState> {
		const key = `${reference} ${platform.os}/${platform.architecture}/${platform.variant}`;
		const known = this.#images.get(key);
		if (known) return known;
		const { vertices, host, options } = this.#session;
		const found = vertices.run(`[internal] load metadata for ${reference}`, async () => {
			const image = await host.image(reference, platform, { pull: options.pull });
			const gone = image.layers.find((diffId) => !this.#session.cache.hold(diffId));
			if (gone !== undefined)
				throw new EngineError("failed", `${reference} is being removed: its layer ${gone} is gone`);
			const config = parseDocument(BaseConfig, image.config, `configuration of ${reference}`);
			const state: StageState = {
				layers: [...image.layers],
				pending: undefined,
				history: [...(config.history ?? [])],
				defaults: defaultsOf(config),
				args: new Map(),
				platform: { os: config.os || "linux", architecture: config.architecture, variant: config.variant ?? "" },
				baseManifest: image.manifest,
			};
			return { value: state, cached: false };
		});
		this.#images.set(key, found);
		return found;
	}

	async #open(stage: Stage, from: string | undefined, platform: Platform): Promise<OpenSource> {
		const { paths, options } = this.#session;
		if (from === undefined) return openContext(options.context);
		if (from.includes("$")) {
			throw new EngineError(
				"invalid",
				"variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
			);
		}
		const source = resolveSource(this.#plan, stage, from, new Set(options.contexts.keys()));
		switch (source.kind) {
			case "scratch":
				return openLayers(paths, []);
			case "stage":
				return openLayers(paths, (await this.stage(this.#at(source.index))).layers);
			case "image":
				return openLayers(paths, (await this.#image(source.reference, platform)).layers);
			case "context": {
				const context = options.contexts.get(source.name);
				if (context?.kind === "image")
					return openLayers(paths, (await this.#image(context.reference, platform)).layers);
				if (context) return openContext(context.context);
				throw new EngineError("not-found", `no build context "${source.name}"`);
			}
		}
	}
}

/** FROM --platform= */
function parsePlatformText(text: string): Platform {
	const parts = text.split("/");
	if (parts.length > 3) {
		throw new EngineError(
			"invalid",
			`failed to parse platform ${text}: "${text}": cannot parse platform specifier: invalid argument`,
		);
	}
	try {
		return parsePlatform(text);
	} catch (cause) {
		const why = `"${text}": unknown operating system or architecture: invalid argument`;
		throw new EngineError("invalid", `failed to parse platform ${text}: ${why}`, { cause });
	}
}

/** Arguments that no Dockerfile need declare (BuildKit, "BuildKit built-in build args"). */
const FOR_THE_BUILDER = /_PROXY$|^SOURCE_DATE_EPOCH$|^BUILDKIT_/i;

function warnOfUnusedArgs({ options, consumedArgs, progress }: BuildSession, { globalArgs }: StagePlan): void {
	const unused = [...options.buildArgs.keys()].filter(
		(name) => !consumedArgs.has(name) && !globalArgs.has(name) && !FOR_THE_BUILDER.test(name),
	);
	if (unused.length) progress.warn(`One or more build-args [${unused.join(" ")}] were not consumed`);
}
