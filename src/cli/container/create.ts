/** `create`: a container on record, its ID on standard output. */

import { create } from "../../engine/container/create.ts";
import { compileOnly } from "../../engine/plan/container-plan.ts";
import { EngineError } from "../../errors.ts";
import { renderPlan, renderPlanJson } from "../../runtime/explain.ts";
import type { Command, Context } from "../command/command.ts";
import type { Parsed } from "../flags/flags.ts";
import { imageFor } from "../image/image-for.ts";
import { complain, print } from "../output/output.ts";
import { CONTAINER_FLAGS, createOptions } from "./flags.ts";
import { CONTAINER_NOT_YET } from "./not-yet.ts";
import { openCidFile, runFailed } from "./run.ts";

export const createCommand: Command<typeof CONTAINER_FLAGS> = {
	name: "create",
	usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	summary: "Create a new container",
	flags: CONTAINER_FLAGS,
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	stopAtFirst: true,
	notYet: CONTAINER_NOT_YET,
	run: async (context, parsed) => {
		try {
			return await createContainer(context, parsed);
		} catch (error) {
			if (!(error instanceof EngineError) || error.code !== "usage") throw error;
			return runFailed(context, error, "create");
		}
	},
};

async function createContainer(context: Context, { flags, args }: Parsed<typeof CONTAINER_FLAGS>): Promise<number> {
	const options = createOptions(flags, args, false);
	const engine = await context.engine();
	const cidfile = flags.cidfile === undefined ? undefined : openCidFile(flags.cidfile);
	try {
		const image = await imageFor(engine, context, options.image, flags);
		const { container, warnings } = create(engine, image, options);
		for (const warning of warnings) complain(`WARNING: ${warning}\n`);
		cidfile?.write(container.id);
		if (flags.explain !== "") {
			const plan = compileOnly(engine, container);
			complain(flags.explain === "json" ? renderPlanJson(plan, []) : renderPlan(plan, []));
		}
		print(`${container.id}\n`);
		return 0;
	} catch (error) {
		cidfile?.discard();
		throw error;
	}
}
