/** `pull`, and the pull that `run` and `create` make when the image is missing. */
import { readConfig } from "../../engine/config.ts";
import type { Engine } from "../../engine/engine.ts";
import { tellingFull } from "../../engine/full-disk.ts";
import { findOrImport } from "../../engine/image/find.ts";
import { EngineError } from "../../errors.ts";
import { pullImage } from "../../image/pull/pull.ts";
import { hostPlatform, parsePlatform, platformMatches } from "../../image/reference/platform.ts";
import {
	canonical,
	EMBEDDED_REFERENCE,
	familiar,
	parseReference,
	repositoryOf,
} from "../../image/reference/reference.ts";
import { getImage, type ImageRecord, imageOfReference } from "../../store/images.ts";
import type { Command, Context } from "../command/command.ts";
import { bool, text } from "../flags/flags.ts";
import { complain, print } from "../output/output.ts";
import { credentialsOf } from "./credentials.ts";
import { progress } from "./pull-progress.ts";

const flags = {
	platform: text("Set platform if server is multi-platform capable"),
	quiet: bool("Suppress verbose output", "q"),
};

export const pull: Command<typeof flags> = {
	name: "pull",
	usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
	summary: "Download an image from a registry",
	aliases: ["image pull", "pull"],
	flags,
	notYet: ["all-tags/a", "disable-content-trust"],
	args: { min: 1, max: 1 },
	run: async (context, { flags, args }) => {
		await pullWithProgress(await context.engine(), context, args[0] ?? "", { ...flags, toError: false });
		return 0;
	},
};

export interface PullFlags {
	readonly platform: string | undefined;
	readonly quiet: boolean;
	/** An implicit pull must not write where the container's output goes. */
	readonly toError: boolean;
}

/** Pulls and says so as docker does. */
export async function pullWithProgress(
	engine: Engine,
	context: Context,
	name: string,
	options: PullFlags,
): Promise<ImageRecord> {
	const reference = parseReference(name);
	const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
	const config = readConfig();
	const before = imageOfReference(engine.db, canonical(reference));
	const say = (line: string) => (options.toError ? complain : print)(line);
	const show = options.quiet ? undefined : progress(options.toError ? 2 : 1);
	const typedTag = /[:@][^/]*$/.test(name);
	if (!options.quiet && !typedTag && !options.toError) say("Using default tag: latest\n");
	const onManifest = () => {
		if (!options.quiet) say(`${reference.tag ?? reference.digest}: Pulling from ${reference.path}\n`);
	};
	let pulled: Awaited<ReturnType<typeof pullImage>>;
	try {
		pulled = await tellingFull(engine.paths, () =>
			pullImage(engine.db, engine.paths, reference, {
				platform,
				credentials: credentialsOf(context),
				insecureRegistries: config.insecureRegistries,
				mirrors: config.registryMirrors,
				hooks: { onManifest, onLayer: (...event) => show?.onLayer(...event) },
			}),
		);
	} catch (error) {
		show?.end();
		// The image that this program carries needs no registry.
		const own = canonical(reference) === EMBEDDED_REFERENCE && (!platform || platformMatches(platform, hostPlatform()));
		const carried = own ? await findOrImport(engine, name) : undefined;
		if (!carried) throw error;
		if (!(error instanceof EngineError)) throw error;
		say(`Status: Image is up to date for ${familiar(canonical(reference))}\n`);
		return carried;
	}
	show?.end();
	const full = reference.digest ? canonical(reference) : `${repositoryOf(reference)}:${reference.tag}`;
	if (!options.quiet) {
		say(`Digest: ${pulled.digest}\n`);
		const status = before === pulled.imageId ? "Image is up to date for" : "Downloaded newer image for";
		say(`Status: ${status} ${familiar(canonical(reference))}\n`);
	}
	if (!options.toError) print(`${full}\n`);
	const record = getImage(engine.db, pulled.imageId);
	if (!record) throw new EngineError("failed", `${name} was removed while it was pulled`);
	return record;
}
