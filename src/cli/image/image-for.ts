/** The image of a new container: the local one, or pulled first, as --pull says. */

import type { Engine } from "../../engine/engine.ts";
import { configOf, findOrImport, withTag } from "../../engine/image/find.ts";
import { EngineError } from "../../errors.ts";
import { formatPlatform, hostPlatform, parsePlatform, platformMatches } from "../../image/reference/platform.ts";
import type { ImageConfig } from "../../image/reference/spec.ts";
import type { Context } from "../command/command.ts";
import { complain } from "../output/output.ts";

export async function imageFor(
	engine: Engine,
	context: Context,
	name: string,
	flags: { readonly pull: string; readonly platform: string | undefined; readonly quiet: boolean },
) {
	if (!["always", "missing", "never"].includes(flags.pull)) {
		throw new EngineError(
			"usage",
			`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`,
		);
	}
	const wanted = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
	if (flags.pull !== "always") {
		const record = await findOrImport(engine, name);
		if (record) {
			const config = configOf(record);
			if (!wanted) warnOfOtherPlatform(config);
			if (!wanted || platformMatches(wanted, config)) return { record, config };
		}
		if (flags.pull === "never") throw new EngineError("not-found", `No such image: ${withTag(name)}`);
		complain(`Unable to find image '${withTag(name)}' locally\n`);
	}
	const { pullWithProgress } = await import("./pull.ts");
	const record = await pullWithProgress(engine, context, name, {
		platform: flags.platform,
		quiet: flags.quiet,
		toError: true,
	});
	const config = configOf(record);
	if (!wanted) warnOfOtherPlatform(config);
	return { record, config };
}

/** It may run all the same, if binfmt_misc has an interpreter for it. */
function warnOfOtherPlatform(config: ImageConfig): void {
	const host = hostPlatform();
	if (!config.architecture || platformMatches(host, config)) return;
	complain(
		`WARNING: The requested image's platform (${formatPlatform(config)}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested\n`,
	);
}
