/** The rules of our nf_tables table (table.ts), in the order in which a packet meets them. Pure. */
import { ipv4Bytes } from "../sys/ipv4.ts";
import { concat } from "../sys/netlink-message.ts";
import {
	connectionKnown,
	connectionRedirected,
	destinationIn,
	destinationIsHost,
	destinationNetwork,
	type Expression,
	type Family,
	goBack,
	inputInterfaceIn,
	interfaceName,
	interfacesVerdict,
	isIn,
	jump,
	masquerade,
	NFPROTO_IPV4,
	NFPROTO_IPV6,
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
import { addElements, type Element, newSet } from "../sys/nf-sets.ts";
import { NF_ACCEPT, NF_DROP, newBaseChain, newChain, newRule, newTable } from "../sys/nf-tables.ts";
import {
	OPEN,
	OPEN6,
	PORTS,
	PORTS_AT,
	PORTS6,
	PORTS6_AT,
	PROTOCOLS,
	type PublishedPort,
	portMessages,
} from "./port-map.ts";

export interface TableNetwork {
	/** The bridge device. */
	readonly device: string;
	readonly subnets: readonly TableSubnet[];
	/** Nothing in or out. */
	readonly internal: boolean;
	/** Whether its containers reach each other (docker's option icc). */
	readonly containersTalk: boolean;
}

export interface TableSubnet {
	readonly family: Family;
	readonly network: Uint8Array;
	readonly prefix: number;
	/** Whether the outside sees the host's address in the place of a container's. */
	readonly masquerade: boolean;
	/** Who knows the way to a container may take it, whatever the port (docker's gateway mode "nat-unprotected"). */
	readonly isOpen: boolean;
}

const PRIORITY_RAW = -300;
const PRIORITY_DSTNAT = -100;
const PRIORITY_FILTER = 0;
const PRIORITY_SRCNAT = 100;

/** Numbers by which nft knows types; of a concatenation six bits each. */
const IPV4_ADDR = 7;
const IPV6_ADDR = 8;
const INET_PROTO = 12;
const INET_SERVICE = 13;
const IFNAME = 41;
const VERDICT = 0xffffff00;
const both = (a: number, b: number): number => (a << 6) | b;

const NAME = { number: IFNAME, length: 16 };
const NAMES = { number: both(IFNAME, IFNAME), length: 32 };
const PORT = { number: both(INET_PROTO, INET_SERVICE), length: 8 };
const PORT_AT = { number: both(both(INET_PROTO, IPV4_ADDR), INET_SERVICE), length: 12 };
const PORT_AT6 = { number: both(both(INET_PROTO, IPV6_ADDR), INET_SERVICE), length: 24 };
const PLACE6 = { number: both(IPV6_ADDR, INET_SERVICE), length: 20 };
const PLACE = { number: both(IPV4_ADDR, INET_SERVICE), length: 8 };

export const BRIDGES = "bridges";
const INTERNAL = "internal";
const PAIRS = "pairs";
const DNS = 53;
const LOOPBACK: [Uint8Array, number] = [ipv4Bytes(0x7f000000), 8];
const LOOPBACK6: [Uint8Array, number] = [Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0)), 128];

/** The whole table. Pure. */
export function tableMessages(
	table: string,
	networks: readonly TableNetwork[],
	ports: readonly PublishedPort[],
	{ routesLoopback }: { readonly routesLoopback: boolean },
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
		newSet(table, PORTS6, 6, PORT, PLACE6),
		newSet(table, PORTS6_AT, 7, PORT_AT6, PLACE6),
		newSet(table, OPEN, 8, PORT_AT),
		newSet(table, OPEN6, 9, PORT_AT6),
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
		rule("raw", notInputInterface("lo"), destinationNetwork(NFPROTO_IPV4, ...LOOPBACK), drop),
		// iifname != "lo" ip saddr 127.0.0.0/8 drop: nor does anybody speak in its name
		rule("raw", notInputInterface("lo"), sourceNetwork(NFPROTO_IPV4, ...LOOPBACK), drop),
		// iifname @internal udp dport 53 jump published; …tcp…; iifname @internal return: but for names, what is published is
		// outside of an internal network
		...[PROTOCOLS.udp, PROTOCOLS.tcp].map((protocol) =>
			rule("prerouting", inputInterfaceIn(INTERNAL), destinationPort(protocol, DNS), jump("published")),
		),
		rule("prerouting", inputInterfaceIn(INTERNAL), goBack()),
		// fib daddr type local jump published: whatever is for an address of the host, from outside or from itself
		rule("prerouting", destinationIsHost(), jump("published")),
		rule("output", destinationIsHost(), jump("published")),
		// ip daddr 127.0.0.0/8 return: where the kernel may not route it, the proxy carries it
		...(routesLoopback ? [] : [rule("published", destinationNetwork(NFPROTO_IPV4, ...LOOPBACK), goBack())]),
		// dnat to meta l4proto . ip daddr . th dport map @ports_at
		rule("published", redirectBy(PORTS_AT, NFPROTO_IPV4, true)),
		// dnat to meta l4proto . th dport map @ports
		rule("published", redirectBy(PORTS, NFPROTO_IPV4, false)),
		// ip6 daddr ::1 return: no packet leaves loopback in its name, so the proxy carries it
		rule("published", destinationNetwork(NFPROTO_IPV6, ...LOOPBACK6), goBack()),
		rule("published", redirectBy(PORTS6_AT, NFPROTO_IPV6, true)),
		rule("published", redirectBy(PORTS6, NFPROTO_IPV6, false)),
		// ct state established,related accept
		rule("forward", connectionKnown(), accept),
		// iifname @internal jump internal_out: within the network, or nowhere
		rule("forward", inputInterfaceIn(INTERNAL), jump("internal_out")),
		rule("internal_out", interfacesVerdict(PAIRS)),
		rule("internal_out", drop),
		// iifname @internal meta l4proto . th dport @ports drop: the proxy's sockets are on the gateway's address too
		rule("input", inputInterfaceIn(INTERNAL), destinationIn(PORTS, NFPROTO_IPV4), drop),
		rule("input", inputInterfaceIn(INTERNAL), destinationIn(PORTS6, NFPROTO_IPV6), drop),
		// oifname @bridges ct status dnat accept: published, also to other networks
		rule("forward", outputInterfaceIn(BRIDGES), connectionRedirected(), accept),
		// oifname @bridges meta l4proto . ip daddr . th dport @open accept: published by its own address
		rule("forward", outputInterfaceIn(BRIDGES), isIn(OPEN, NFPROTO_IPV4), accept),
		rule("forward", outputInterfaceIn(BRIDGES), isIn(OPEN6, NFPROTO_IPV6), accept),
		// iifname . oifname vmap @pairs: within a network
		rule("forward", interfacesVerdict(PAIRS)),
		...networks.flatMap((network) => openRules(network, (...parts) => rule("forward", ...parts, accept))),
		// oifname @bridges drop: what is not published is reached neither from outside nor from other networks
		rule("forward", outputInterfaceIn(BRIDGES), drop),
		...networks.flatMap((network) => addressRules(network, (...parts) => rule("postrouting", ...parts))),
	];
}

const isOne = (part: Expression | readonly Expression[]): part is Expression => typeof part[0] === "string";

const pairOf = ({ device, containersTalk }: TableNetwork): Element => ({
	key: concat([interfaceName(device), interfaceName(device)]),
	data: verdictData(containersTalk ? NF_ACCEPT : NF_DROP),
});

type MakeRule = (...parts: readonly (Expression | readonly Expression[])[]) => Uint8Array;

/** `oifname "BRIDGE" ip daddr SUBNET accept` */
const openRules = ({ device, subnets }: TableNetwork, rule: MakeRule): Uint8Array[] =>
	subnets
		.filter(({ isOpen }) => isOpen)
		.map(({ family, network, prefix }) => rule(outputInterface(device), destinationNetwork(family, network, prefix)));

/** What a network's packets get another source address for. */
function addressRules({ device, subnets, internal }: TableNetwork, rule: MakeRule): Uint8Array[] {
	return subnets.flatMap(({ family, network, prefix, masquerade: masqueraded }) => {
		const own = sourceNetwork(family, network, prefix);
		return [
			// ip saddr SUBNET oifname "BRIDGE" ct status dnat masquerade: a container that takes the way by the host's address
			// to its neighbour must hear the answer from there too
			rule(own, outputInterface(device), connectionRedirected(), masquerade()),
			// ip saddr 127.0.0.0/8 oifname "BRIDGE" masquerade: from the host's loopback to what is published
			...(family === NFPROTO_IPV4
				? [rule(sourceNetwork(NFPROTO_IPV4, ...LOOPBACK), outputInterface(device), masquerade())]
				: []),
			// ip saddr SUBNET oifname != @bridges masquerade: what goes outside; other networks see who asks
			...(masqueraded && !internal ? [rule(own, outputInterfaceNotIn(BRIDGES), masquerade())] : []),
		];
	});
}
