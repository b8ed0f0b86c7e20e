/** `build`: reads what is asked for, builds, and puts the result where it is to go. */
import { writeFileSync } from "node:fs";
import type { BuiltImage } from "../../build/built-image.ts";
import { findingsAreErrors } from "../../build/dockerfile/lint.ts";
import { parseDockerfile } from "../../build/dockerfile/parse.ts";
import type { Platform } from "../../build/session/image-config.ts";
import type { BuildOptions } from "../../build/session/options.ts";
import { buildImage, type PullBase } from "../../engine/build/build.ts";
import { limitCache } from "../../engine/build/cache.ts";
import { readConfig } from "../../engine/config.ts";
import type { Engine } from "../../engine/engine.ts";
import { EngineError } from "../../errors.ts";
import { formatPlatform, hostPlatform, parsePlatform } from "../../image/reference/platform.ts";
import { canonical, parseReference } from "../../image/reference/reference.ts";
import type { Command, Context } from "../command/command.ts";
import { pullWithProgress } from "../image/pull.ts";
import { complain, print } from "../output/output.ts";
import { addInlineCache, exportCaches, openCaches, parseCachePlace } from "./cache-flags.ts";
import { checkDockerfile, findingsOf, refuseFindings, summary } from "./check.ts";
import { type BuildInputs, type OpenedContext, readContext } from "./context.ts";
import { debugShell } from "./debug.ts";
import { explainFailure, explainUnreadable } from "./failure.ts";
import { BUILD_FLAGS, BUILD_NOT_YET, type BuildFlags } from "./flags.ts";
import { readNamedContexts, readSecrets } from "./inputs.ts";
import { checkSeveral, deliver, parseOutputs } from "./output.ts";
import { buildProgress } from "./progress.ts";
import { openSsh } from "./ssh.ts";

export const build: Command<typeof BUILD_FLAGS> = {
	name: "build",
	usage: "[OPTIONS] PATH | URL | -",
	summary: "Build an image from a Dockerfile",
	aliases: ["image build", "builder build", "buildx build", "build"],
	flags: BUILD_FLAGS,
	notYet: BUILD_NOT_YET,
	args: { min: 1, max: 1 },
	// --progress=html FILE PATH
	moreArgs: ({ progress }) => (progress === "html" ? 1 : 0),
	run: async (context, { flags, args }) => {
		const page = flags.progress === "html" ? args[0] : undefined;
		const progress = page === undefined ? flags.progress : (`html=${page}` as const);
		return runBuild(context, { ...flags, progress }, args.at(-1) ?? "");
	},
};

async function runBuild(context: Context, flags: BuildFlags, where: string): Promise<number> {
	for (const tag of flags.tag) canonical(parseReference(tag)); // a bad name is told before the work
	const engine = await context.engine();
	using opened = await openContext(engine, where, flags.file);
	const inputs = opened && readInputs(opened);
	if (!inputs) return 1;
	if (flags.check || (flags.call ?? "build") !== "build") return checkDockerfile(engine, inputs, flags);
	const progress = buildProgress(flags.quiet ? "quiet" : flags.progress);
	// Who sees nothing of them need not wait for them.
	const findings = flags.quiet && !findingsAreErrors(inputs.dockerfile) ? [] : findingsOf(engine, inputs);
	const platforms = readPlatforms(flags.platform);
	const outputs = parseOutputs(flags);
	if (platforms.length > 1) checkSeveral(outputs);
	const cacheTo = cachePlaces(flags);
	for (const text of cacheTo) parseCachePlace(text, "to");
	await using ssh = await openSsh(engine.paths, flags.ssh);
	using held = new DisposableStack();
	const cancel = cancelOnSignal();
	let id: string;
	try {
		refuseFindings(inputs, findings);
		const cacheSources = await openCaches(engine, context, flags["cache-from"], progress);
		const debug = flags["debug-shell"] ? debugShell(engine, progress) : undefined;
		const images: BuiltImage[] = [];
		for (const platform of platforms) {
			const prefix = platforms.length > 1 ? formatPlatform(platform) : "";
			const options = { ...buildOptions(flags, inputs, ssh.sockets), platform, prefix, cacheSources, held, cancel };
			const image = await buildImage(engine, options, progress, pullBase(engine, context), debug);
			images.push(addInlineCache(image, cacheTo));
		}
		const delivery = { outputs, tags: flags.tag, annotations: parsePairs(flags.annotation) };
		id = await deliver(engine, context, images, delivery, progress);
		await exportCaches(engine, context, images, cacheTo, progress);
	} catch (error) {
		progress.close();
		explainFailure(error, inputs, progress.seen);
		return 1;
	}
	held.dispose();
	const { keepBuildCache } = readConfig();
	if (keepBuildCache !== undefined) limitCache(engine, keepBuildCache);
	progress.close();
	if (flags.iidfile !== undefined) writeFileSync(flags.iidfile, id);
	if (flags["metadata-file"] !== undefined) writeMetadata(flags["metadata-file"], id, flags.tag);
	if (flags.quiet) print(`${id}\n`);
	if (!flags.quiet) {
		for (const warning of progress.warnings) complain(`WARNING: ${warning}\n`);
		complain(summary(findings));
	}
	return 0;
}

/** undefined: it could not be read, and that has been told. */
async function openContext(
	engine: Engine,
	where: string,
	file: string | undefined,
): Promise<OpenedContext | undefined> {
	try {
		return await readContext(engine.paths, where, file);
	} catch (error) {
		explainUnreadable(error);
		return undefined;
	}
}

function readInputs(opened: OpenedContext): BuildInputs | undefined {
	try {
		return { ...opened, dockerfile: parseDockerfile(opened.dockerfileText) };
	} catch (error) {
		explainFailure(error, opened, []);
		return undefined;
	}
}

/** --cache-to, and docker's older way to ask for the cache inside of the image. */
function cachePlaces(flags: BuildFlags): readonly string[] {
	const inline = parsePairs(flags["build-arg"], true).get("BUILDKIT_INLINE_CACHE") === "1";
	return inline ? [...flags["cache-to"], "type=inline"] : flags["cache-to"];
}

/** "linux/amd64,linux/arm64", given once or several times; none: this machine's. */
function readPlatforms(texts: readonly string[]): Platform[] {
	const given = texts.flatMap((text) => text.split(",")).map(parsePlatform);
	const all = (given.length ? given : [hostPlatform()]).map(({ os, architecture, variant }) => ({
		os,
		architecture,
		variant: architecture === "arm64" && variant === "v8" ? "" : variant,
	}));
	return [...new Map(all.map((platform) => [formatPlatform(platform), platform])).values()];
}

/** A signal ends the build in good order; if that takes longer than a second, native/start/guard.c ends it. */
function cancelOnSignal(): AbortSignal {
	const controller = new AbortController();
	for (const name of ["SIGINT", "SIGTERM"] as const) {
		process.on(name, () => controller.abort(new DOMException("canceled", "AbortError")));
	}
	return controller.signal;
}

const pullBase =
	(engine: Engine, context: Context): PullBase =>
	(reference, platform) =>
		pullWithProgress(engine, context, reference, { platform: formatPlatform(platform), quiet: true, toError: true });

function writeMetadata(path: string, id: string, tags: readonly string[]): void {
	const document = {
		"containerimage.config.digest": id,
		"containerimage.digest": id,
		...(tags.length ? { "image.name": tags.map((tag) => canonical(parseReference(tag))).join(",") } : {}),
	};
	writeFileSync(path, `${JSON.stringify(document, null, 2)}\n`);
}

/** "name=value" flags; a bare name takes the client's value, if there is one. */
export function parsePairs(texts: readonly string[], fromClient = false): Map<string, string> {
	const pairs = new Map<string, string>();
	for (const text of texts) {
		const equals = text.indexOf("=");
		const name = equals < 0 ? text : text.slice(0, equals);
		const value = equals < 0 ? (fromClient ? process.env[name] : "") : text.slice(equals + 1);
		if (value !== undefined) pairs.set(name, value);
	}
	return pairs;
}

const NETWORKS: Readonly<Record<string, "bridge" | "none" | "host">> = {
	default: "bridge",
	bridge: "bridge",
	none: "none",
	host: "host",
};

function buildOptions(
	flags: BuildFlags,
	inputs: BuildInputs,
	ssh: ReadonlyMap<string, string>,
): Omit<BuildOptions, "cacheSources" | "platform" | "prefix" | "held" | "cancel"> {
	const network = NETWORKS[flags.network];
	if (!network) throw new EngineError("usage", `network mode "${flags.network}" not supported by NanoContainer`);
	const buildArgs = parsePairs(flags["build-arg"], true);
	const given = buildArgs.get("SOURCE_DATE_EPOCH") ?? process.env["SOURCE_DATE_EPOCH"];
	if (given !== undefined && !/^\d+$/.test(given)) {
		throw new EngineError("usage", `invalid SOURCE_DATE_EPOCH: ${given}`);
	}
	return {
		dockerfile: inputs.dockerfile,
		dockerfileName: inputs.dockerfileName,
		context: inputs.context,
		contexts: readNamedContexts(flags["build-context"]),
		target: flags.target,
		buildArgs,
		labels: parsePairs(flags.label),
		noCache: flags["no-cache"],
		noCacheFilter: new Set(flags["no-cache-filter"].flatMap((text) => text.split(","))),
		pull: flags.pull,
		environment: {
			addHosts: flags["add-host"],
			shmSize: flags["shm-size"],
			ulimits: [...new Map(flags.ulimit.map((limit) => [limit.name, limit])).values()],
			cgroupParent: flags["cgroup-parent"],
			resources: {
				memory: flags.memory,
				memorySwap: flags["memory-swap"],
				cpuShares: flags["cpu-shares"],
				cpuQuota: flags["cpu-quota"],
				cpuPeriod: flags["cpu-period"],
				cpusetCpus: flags["cpuset-cpus"],
				cpusetMems: flags["cpuset-mems"],
			},
		},
		network,
		secrets: readSecrets(flags.secret),
		ssh,
		allow: new Set(flags.allow),
		epoch: given === undefined ? undefined : Number(given),
		rewriteTimestamp: parseOutputs(flags).some((output) => output.options["rewrite-timestamp"] === "true"),
	};
}
