/** `network create` */
import { createNetwork } from "../../engine/network/create.ts";
import type { Command } from "../command/command.ts";
import { bool, choice, fixed, list, listOf } from "../flags/flags.ts";
import { checkedLabel, parseLabels } from "../flags/parse-env.ts";
import { parsePair } from "../flags/parse-pair.ts";
import { print } from "../output/output.ts";

const strings = (help: string) => ({ ...list(help), kind: "strings" });

const flags = {
	attachable: bool("Enable manual container attachment"),
	"aux-address": listOf("Auxiliary IPv4 or IPv6 addresses used by Network driver", "map", parsePair),
	driver: choice("Driver to manage the Network", "bridge", "d"),
	gateway: strings("IPv4 or IPv6 Gateway for the master subnet"),
	internal: bool("Restrict external access to the network"),
	"ip-range": strings("Allocate container ip from a sub-range"),
	ipv4: fixed("Enable or disable IPv4 address assignment", true, "each network has IPv4 addresses"),
	ipv6: bool("Enable or disable IPv6 address assignment"),
	label: listOf("Set metadata on a network", "list", checkedLabel),
	opt: listOf("Set driver specific options", "map", parsePair, "o"),
	subnet: strings("Subnet in CIDR format that represents a network segment"),
};

const SWARM = "it is swarm's, and there is no swarm: one host";

export const create: Command<typeof flags> = {
	name: "network create",
	usage: "[OPTIONS] NETWORK",
	summary: "Create a network",
	flags,
	notYet: [
		`config-from ${SWARM}`,
		`config-only ${SWARM}`,
		`ingress ${SWARM}`,
		"ipam-driver=default addresses are given out by this program",
		"ipam-opt addresses are given out by this program, which has no such options",
		"scope=local networks are of this host",
	],
	args: { min: 1, max: 1 },
	run: async (context, { flags, args }) => {
		const { id } = createNetwork(await context.engine(), {
			name: args[0] ?? "",
			driver: flags.driver,
			subnets: commas(flags.subnet),
			gateways: commas(flags.gateway),
			ipRanges: commas(flags["ip-range"]),
			auxAddresses: Object.fromEntries(flags["aux-address"]),
			ipv6: flags.ipv6,
			internal: flags.internal,
			attachable: flags.attachable,
			options: Object.fromEntries(flags.opt),
			labels: parseLabels(flags.label, []),
		});
		print(`${id}\n`);
		return 0;
	},
};

/** pflag's "strings": several in one word. */
const commas = (words: readonly string[]): string[] => words.flatMap((word) => word.split(",")).filter(Boolean);
