/** `network connect` */
import { connectContainer } from "../../engine/network/connect.ts";
import { NO_SETTINGS } from "../../store/endpoint-record.ts";
import type { Command } from "../command/command.ts";
import { choice, list, listOf, value } from "../flags/flags.ts";
import { checkedLinkLocal, parsePriority } from "../flags/parse-network.ts";

const flags = {
	alias: { ...list("Add network-scoped alias for the container"), kind: "strings" },
	"gw-priority": value(
		"Highest gw-priority provides the default gateway. Accepts positive and negative values",
		"int",
		parsePriority,
	),
	ip: choice('IPv4 address (e.g., "172.30.100.104")', ""),
	ip6: choice('IPv6 address (e.g., "2001:db8::33")', ""),
	link: { ...list("Add link to another container"), kind: "list" },
	"link-local-ip": {
		...listOf("Add a link-local address for the container", "strings", checkedLinkLocal),
		kind: "strings",
	},
};

export const connect: Command<typeof flags> = {
	name: "network connect",
	usage: "[OPTIONS] NETWORK CONTAINER",
	summary: "Connect a container to a network",
	flags,
	notYet: ["driver-opt there is no option of an endpoint"],
	args: { min: 2, max: 2 },
	run: async (context, { flags, args: [network = "", container = ""] }) => {
		connectContainer(await context.engine(), network, container, {
			...NO_SETTINGS,
			aliases: flags.alias.flatMap((word) => word.split(",")).filter(Boolean),
			gwPriority: flags["gw-priority"] ?? 0,
			ip: flags.ip,
			ip6: flags.ip6,
			links: [...flags.link],
			linkLocalIps: [...flags["link-local-ip"]],
		});
		return 0;
	},
};
