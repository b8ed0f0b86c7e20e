/** `tag` */
import { tagImage } from "../../engine/image/tag.ts";
import type { Command } from "../command/command.ts";

export const tag: Command<Record<string, never>> = {
	name: "tag",
	usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
	summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
	aliases: ["image tag", "tag"],
	flags: {},
	args: { min: 2, max: 2 },
	run: async (context, { args: [source = "", target = ""] }) => {
		tagImage(await context.engine(), source, target);
		return 0;
	},
};
