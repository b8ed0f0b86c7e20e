/** `update` */
import { updateContainer } from "../../engine/container/update.ts";
import { type Command, forEachName } from "../command/command.ts";
import { list, listOf, text } from "../flags/flags.ts";
import { parseMount } from "../flags/parse-mount.ts";
import { parsePublish } from "../flags/parse-publish.ts";
import { parseRestart } from "../flags/parse-restart.ts";
import { complain } from "../output/output.ts";
import { CONTAINER_FLAGS, volumeSettings } from "./flags.ts";

const flags = {
	"blkio-weight": CONTAINER_FLAGS["blkio-weight"],
	"cpu-period": CONTAINER_FLAGS["cpu-period"],
	"cpu-quota": CONTAINER_FLAGS["cpu-quota"],
	"cpu-shares": CONTAINER_FLAGS["cpu-shares"],
	cpus: CONTAINER_FLAGS.cpus,
	"cpuset-cpus": CONTAINER_FLAGS["cpuset-cpus"],
	"cpuset-mems": CONTAINER_FLAGS["cpuset-mems"],
	memory: CONTAINER_FLAGS.memory,
	"memory-reservation": CONTAINER_FLAGS["memory-reservation"],
	"memory-swap": CONTAINER_FLAGS["memory-swap"],
	"mount-add": listOf("Mount something, also while it runs", "mount", parseMount),
	"mount-rm": list("Unmount what is mounted at a path of the container"),
	"pids-limit": CONTAINER_FLAGS["pids-limit"],
	"publish-add": listOf("Publish a container's port(s) to the host, also while it runs", "list", parsePublish),
	"publish-rm": listOf("Publish a container's port(s) no longer ([[IP:]HOST:]PORT[/PROTO])", "list", parsePublish),
	restart: text("Restart policy to apply when a container exits"),
};

export const update: Command<typeof flags> = {
	name: "update",
	aliases: ["container update", "update"],
	usage: "[OPTIONS] CONTAINER [CONTAINER...]",
	summary: "Update configuration of one or more containers",
	flags,
	notYet: [
		"cpu-rt-period it is for kernels with CONFIG_RT_GROUP_SCHED",
		"cpu-rt-runtime it is for kernels with CONFIG_RT_GROUP_SCHED",
	],
	args: { min: 1, max: Number.POSITIVE_INFINITY },
	run: async (context, { flags, args }) => {
		const given = Object.values(flags).some((value) => (Array.isArray(value) ? value.length > 0 : value !== undefined));
		if (!given) {
			complain("you must provide one or more flags when using this command\n");
			return 1;
		}
		const engine = await context.engine();
		const pids = flags["pids-limit"];
		const restartPolicy = flags.restart === undefined ? undefined : parseRestart(flags.restart);
		return forEachName(args, (name) => {
			const warnings = updateContainer(engine, name, {
				resources: {
					blkioWeight: flags["blkio-weight"] || undefined,
					cpuPeriod: flags["cpu-period"] || undefined,
					cpuQuota: flags["cpu-quota"] || undefined,
					cpuShares: flags["cpu-shares"] || undefined,
					nanoCpus: flags.cpus || undefined,
					cpusetCpus: flags["cpuset-cpus"] || undefined,
					cpusetMems: flags["cpuset-mems"] || undefined,
					memory: flags.memory || undefined,
					memoryReservation: flags["memory-reservation"] || undefined,
					memorySwap: flags["memory-swap"] || undefined,
					pidsLimit: pids === undefined ? undefined : pids > 0 ? pids : -1,
				},
				restartPolicy,
				publish: flags["publish-add"].flat(),
				unpublish: flags["publish-rm"].flat(),
				mounts: flags["mount-add"].map(({ mount }) => mount),
				volumes: volumeSettings(flags["mount-add"]),
				unmount: flags["mount-rm"].map((path) => path.replace(/(.)\/+$/, "$1")),
			});
			for (const warning of warnings) complain(`${warning}\n`);
			return name;
		});
	},
};
