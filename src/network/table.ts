/**
 * Our nf_tables table: what may be forwarded, what is published, what the outside sees containers as. Removing the table
 * removes every trace. A packet meets the same few rules however many networks and ports there are: those are elements of
 * sets and maps. As nft lists it:
 *
 *   set bridges { nanobridge, br-… }               map pairs { nanobridge . nanobridge : accept }
 *   map ports { tcp . 8080 : 172.17.0.2 . 80 }     map ports_at { tcp . 127.0.0.1 . 8081 : 172.17.0.3 . 80 }
 */
import { EngineError } from "../errors.ts";
import { debug } from "../log.ts";
import { SyscallError } from "../sys/errno.ts";
import { ipv4Bytes } from "../sys/ipv4.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { concat } from "../sys/netlink-message.ts";
import {
	connectionKnown,
	connectionRedirected,
	destinationIn,
	destinationIsHost,
	destinationNetwork,
	type Expression,
	goBack,
	inputInterfaceIn,
	interfaceName,
	interfacesVerdict,
	jump,
	masquerade,
	NFPROTO_IPV4,
	notInputInterface,
	outputInterface,
	outputInterfaceIn,
	outputInterfaceNotIn,
	redirectBy,
	sourceNetwork,
	verdict,
	verdictData,
} from "../sys/nf-expressions.ts";
import { destinationPort } from "../sys/nf-iptables.ts";
import { addElements, deleteElements, type Element, getElement, newSet } from "../sys/nf-sets.ts";
import {
	deleteTable,
	NF_ACCEPT,
	NF_DROP,
	NfTables,
	newBaseChain,
	newChain,
	newRule,
	newTable,
} from "../sys/nf-tables.ts";
import type { Subnet } from "./ipam.ts";
import { PORTS, PORTS_AT, PROTOCOLS, type PublishedPort, portMessages } from "./port-map.ts";

/** The table's name: the default bridge's, so that two state directories on one host don't share one. */
export const tableName = (bridge: string): string =>
	bridge === "nanobridge" ? "nanocontainer" : `nanocontainer-${bridge}`;

export interface TableNetwork {
	/** The bridge device. */
	readonly device: string;
	readonly subnets: readonly Subnet[];
	/** Nothing in or out. */
	readonly internal: boolean;
	/** Whether its containers reach each other (docker's option icc). */
	readonly containersTalk: boolean;
	/** Whether the outside sees the host's address in the place of a container's. */
	readonly masquerade: boolean;
}

const PRIORITY_RAW = -300;
const PRIORITY_DSTNAT = -100;
const PRIORITY_FILTER = 0;
const PRIORITY_SRCNAT = 100;

/** Numbers by which nft knows types; of a concatenation six bits each. */
const IPV4_ADDR = 7;
const INET_PROTO = 12;
const INET_SERVICE = 13;
const IFNAME = 41;
const VERDICT = 0xffffff00;
const both = (a: number, b: number): number => (a << 6) | b;

const NAME = { number: IFNAME, length: 16 };
const NAMES = { number: both(IFNAME, IFNAME), length: 32 };
const PORT = { number: both(INET_PROTO, INET_SERVICE), length: 8 };
const PORT_AT = { number: both(both(INET_PROTO, IPV4_ADDR), INET_SERVICE), length: 12 };
const PLACE = { number: both(IPV4_ADDR, INET_SERVICE), length: 8 };

const BRIDGES = "bridges";
const INTERNAL = "internal";
const PAIRS = "pairs";
const DNS = 53;
const LOOPBACK = { network: 0x7f000000, prefix: 8 };

/** The whole table. Pure. */
export function tableMessages(
	table: string,
	networks: readonly TableNetwork[],
	ports: readonly PublishedPort[],
): Uint8Array[] {
	const rule = (chain: string, ...parts: readonly (Expression | readonly Expression[])[]) =>
		newRule(
			table,
			chain,
			parts.flatMap((part) => (isOne(part) ? [part] : part)),
		);
	const accept = verdict(NF_ACCEPT);
	const drop = verdict(NF_DROP);
	const names = (some: readonly TableNetwork[]): Element[] =>
		some.map(({ device }) => ({ key: interfaceName(device) }));
	return [
		newTable(table),
		newSet(table, BRIDGES, 1, NAME),
		newSet(table, INTERNAL, 2, NAME),
		newSet(table, PAIRS, 3, NAMES, { number: VERDICT, length: 0 }),
		newSet(table, PORTS, 4, PORT, PLACE),
		newSet(table, PORTS_AT, 5, PORT_AT, PLACE),
		...addElements(table, BRIDGES, names(networks)),
		...addElements(table, INTERNAL, names(networks.filter(({ internal }) => internal))),
		...addElements(table, PAIRS, networks.map(pairOf)),
		...portMessages(addElements, table, ports),
		newBaseChain(table, "raw", { type: "filter", hook: "prerouting", priority: PRIORITY_RAW }),
		newBaseChain(table, "prerouting", { type: "nat", hook: "prerouting", priority: PRIORITY_DSTNAT }),
		newBaseChain(table, "output", { type: "nat", hook: "output", priority: PRIORITY_DSTNAT }),
		newBaseChain(table, "postrouting", { type: "nat", hook: "postrouting", priority: PRIORITY_SRCNAT }),
		newBaseChain(table, "forward", { type: "filter", hook: "forward", priority: PRIORITY_FILTER }),
		newBaseChain(table, "input", { type: "filter", hook: "input", priority: PRIORITY_FILTER }),
		newChain(table, "published"),
		newChain(table, "internal_out"),
		// iifname != "lo" ip daddr 127.0.0.0/8 drop: what is published on the host's loopback is not for its neighbours,
		// and bridges may route such addresses (route_localnet)
		rule("raw", notInputInterface("lo"), destinationNetwork(NFPROTO_IPV4, ...bytesOf(LOOPBACK)), drop),
		// iifname != "lo" ip saddr 127.0.0.0/8 drop: nor does anybody speak in its name
		rule("raw", notInputInterface("lo"), sourceNetwork(NFPROTO_IPV4, ...bytesOf(LOOPBACK)), drop),
		// iifname @internal udp dport 53 jump published; …tcp…; iifname @internal return: but for names, what is published is
		// outside of an internal network
		...[PROTOCOLS.udp, PROTOCOLS.tcp].map((protocol) =>
			rule("prerouting", inputInterfaceIn(INTERNAL), destinationPort(protocol, DNS), jump("published")),
		),
		rule("prerouting", inputInterfaceIn(INTERNAL), goBack()),
		// fib daddr type local jump published: whatever is for an address of the host, from outside or from itself
		rule("prerouting", destinationIsHost(), jump("published")),
		rule("output", destinationIsHost(), jump("published")),
		// dnat to meta l4proto . ip daddr . th dport map @ports_at
		rule("published", redirectBy(PORTS_AT, NFPROTO_IPV4, true)),
		// dnat to meta l4proto . th dport map @ports
		rule("published", redirectBy(PORTS, NFPROTO_IPV4, false)),
		// ct state established,related accept
		rule("forward", connectionKnown(), accept),
		// iifname @internal jump internal_out: within the network, or nowhere
		rule("forward", inputInterfaceIn(INTERNAL), jump("internal_out")),
		rule("internal_out", interfacesVerdict(PAIRS)),
		rule("internal_out", drop),
		// iifname @internal meta l4proto . th dport @ports drop: the proxy's sockets are on the gateway's address too
		rule("input", inputInterfaceIn(INTERNAL), destinationIn(PORTS, NFPROTO_IPV4), drop),
		// oifname @bridges ct status dnat accept: published, also to other networks
		rule("forward", outputInterfaceIn(BRIDGES), connectionRedirected(), accept),
		// iifname . oifname vmap @pairs: within a network
		rule("forward", interfacesVerdict(PAIRS)),
		// oifname @bridges drop: what is not published is reached neither from outside nor from other networks
		rule("forward", outputInterfaceIn(BRIDGES), drop),
		...networks.flatMap((network) => addressRules(network, (...parts) => rule("postrouting", ...parts))),
	];
}

const isOne = (part: Expression | readonly Expression[]): part is Expression => typeof part[0] === "string";

const bytesOf = ({ network, prefix }: Subnet): [Uint8Array, number] => [ipv4Bytes(network), prefix];

const pairOf = ({ device, containersTalk }: TableNetwork): Element => ({
	key: concat([interfaceName(device), interfaceName(device)]),
	data: verdictData(containersTalk ? NF_ACCEPT : NF_DROP),
});

/** What a network's packets get another source address for. */
function addressRules(
	{ device, subnets, internal, masquerade: masqueraded }: TableNetwork,
	rule: (...parts: readonly (Expression | readonly Expression[])[]) => Uint8Array,
): Uint8Array[] {
	return subnets.flatMap((subnet) => {
		const own = sourceNetwork(NFPROTO_IPV4, ...bytesOf(subnet));
		return [
			// ip saddr SUBNET oifname "BRIDGE" ct status dnat masquerade: a container that takes the way by the host's address
			// to its neighbour must hear the answer from there too
			rule(own, outputInterface(device), connectionRedirected(), masquerade()),
			// ip saddr 127.0.0.0/8 oifname "BRIDGE" masquerade: from the host's loopback to what is published
			rule(sourceNetwork(NFPROTO_IPV4, ...bytesOf(LOOPBACK)), outputInterface(device), masquerade()),
			// ip saddr SUBNET oifname != @bridges masquerade: what goes outside; other networks see who asks
			...(masqueraded && !internal ? [rule(own, outputInterfaceNotIn(BRIDGES), masquerade())] : []),
		];
	});
}

/** Whether the rules are there, those of the network on this device included. */
export const hasNetwork = (bridge: string, device: string): boolean =>
	withTables((tables) =>
		tables.isThere(`nf_tables set ${BRIDGES}`, getElement(tableName(bridge), BRIDGES, interfaceName(device))),
	);

/** A number that every change of rules raises by one, whoever made it. */
export const rulesGeneration = (): number => withTables((tables) => tables.generation());

/** Puts all of it in the place of what there is, in one transaction: no packet meets half of it. */
export function replaceTable(bridge: string, networks: readonly TableNetwork[], ports: readonly PublishedPort[]): void {
	const table = tableName(bridge);
	const messages = [newTable(table), deleteTable(table), ...tableMessages(table, networks, ports)];
	withTables((tables) => tables.apply(`nf_tables table ${table}`, messages));
}

/** Removes every trace. */
export function removeTable(bridge: string): void {
	const table = tableName(bridge);
	withTables((tables) => tables.apply(`nf_tables table ${table}`, [newTable(table), deleteTable(table)]));
}

/** Adds ports to the maps, or takes them out. False when that could not be: the table is not as it should be. */
export function changePorts(bridge: string, change: "add" | "delete", ports: readonly PublishedPort[]): boolean {
	const table = tableName(bridge);
	const messages = portMessages(change === "add" ? addElements : deleteElements, table, ports);
	try {
		using tables = new NfTables();
		if (messages.length) tables.apply(`nf_tables ports in ${table}`, messages);
		return true;
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message);
		return false;
	}
}

function withTables<T>(action: (tables: NfTables) => T): T {
	try {
		using tables = new NfTables();
		return action(tables);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message);
		throw new EngineError(
			"unsupported",
			`This kernel (${kernelRelease()}) cannot do nf_tables with NAT (modules nf_tables, nft_nat, nft_masq, nft_ct, nft_fib_inet): ${error.message}. Use --network none or --network host`,
			{ cause: error },
		);
	}
}
