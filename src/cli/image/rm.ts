/** `rmi` */
import { removeImage } from "../../engine/image/remove.ts";
import { type Command, forEachName } from "../command/command.ts";
import { bool } from "../flags/flags.ts";

const flags = { force: bool("Force removal of the image", "f") };

export const rmi: Command<typeof flags> = {
	name: "rmi",
	usage: "[OPTIONS] IMAGE [IMAGE...]",
	summary: "Remove one or more images",
	aliases: ["image rm", "image remove", "rmi"],
	flags,
	notYet: ["no-prune", "platform"],
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const engine = await context.engine();
		return forEachName(args, (name) => {
			const { untagged, deleted } = removeImage(engine, name, { force: flags.force });
			return [...untagged.map((text) => `Untagged: ${text}`), ...deleted.map((text) => `Deleted: ${text}`)].join("\n");
		});
	},
};
