/**
 * Beside other firewalls: what our own chain lets through, another program's chain at the same hook may still drop. docker's
 * iptables set the policy of FORWARD to drop, and with bridge-nf-call-iptables that meets even what goes from one container
 * to the other; ufw and firewalld drop and reject likewise. So a rule of ours goes before theirs, in their chain, for each
 * of our bridges. It opens nothing: what may reach containers is decided by our own chain (table.ts), whose drop is final.
 */
import { debug } from "../log.ts";
import { SyscallError } from "../sys/errno.ts";
import { legacyForward } from "../sys/legacy-iptables.ts";
import { type Chain, listChains, rulesWithComment } from "../sys/nf-chains.ts";
import { type Expression, verdict } from "../sys/nf-expressions.ts";
import { counter, destinationPort, interfaceOf } from "../sys/nf-iptables.ts";
import { deleteRule, type ForeignChain, insertRule, NF_ACCEPT, NF_DROP, NfTables } from "../sys/nf-tables.ts";

/** NFPROTO_ numbers: inet, ip, ip6. What is bridged alone our packets are not. */
const FAMILIES = [1, 2, 10];
const TCP = 6;
const UDP = 17;
const DNS = 53;
/** Of a name server that cannot have that port. */
export const OTHER_DNS_PORT = 10053;

/** By which our rules in others' chains are known. */
const commentOf = (device: string): string => `nanocontainer ${device}`;

/**
 * Puts the rules for a bridge into each chain that might drop its packets, where they are not yet. `own` is our table.
 * Returns sentences for what could not be done.
 */
export function openForeignChains(device: string, own: string): string[] {
	return [...openTables(device, own), ...legacyWarning(device)];
}

/** Rules of iptables-legacy are not nf_tables': who has some must let containers through himself. */
function legacyWarning(device: string): string[] {
	const legacy = legacyForward();
	if (!legacy || legacy.names.has(device)) return [];
	const type = `iptables-legacy -I FORWARD -i ${device} -j ACCEPT; iptables-legacy -I FORWARD -o ${device} -j ACCEPT`;
	return [
		`The firewall of this host drops what it forwards (policy DROP of chain FORWARD, of iptables-legacy), and cannot be told by others to let containers through: containers on ${device} may reach neither each other nor the outside. To let them: ${type}`,
	];
}

function openTables(device: string, own: string): string[] {
	try {
		const chains = listChains().filter(({ table }) => table !== own);
		const known = new Set(rulesWithComment(commentOf(device)).map(nameOf));
		const rules = [
			...placesOf(chains, "forward").map((chain) => ({ chain, expressions: throughRules(device) })),
			...placesOf(chains, "input").map((chain) => ({ chain, expressions: nameRules(device) })),
		];
		return rules
			.filter(({ chain }) => !known.has(nameOf(chain)))
			.flatMap(({ chain, expressions }) => add(device, chain, expressions));
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message); // who may not look cannot tell
		return [];
	}
}

/** Takes them out again. */
export function closeForeignChains(device: string): void {
	try {
		const messages = rulesWithComment(commentOf(device)).map((rule) => deleteRule(rule, rule.handle));
		using tables = new NfTables();
		if (messages.length) tables.apply("nf_tables rules in other tables", messages);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message); // the other program has just taken them away
	}
}

const nameOf = ({ family, table, name }: ForeignChain): string => `${family} ${table} ${name}`;

/** Chains of a hook that drop what nobody accepts; docker wants rules of others in a chain that it never clears. */
function placesOf(chains: readonly Chain[], hook: "forward" | "input"): ForeignChain[] {
	return chains
		.filter((chain) => FAMILIES.includes(chain.family) && chain.hook === hook && mayDrop(chain))
		.map((chain) => {
			const forUsers = ({ family, table, name }: Chain) =>
				family === chain.family && table === chain.table && name === "DOCKER-USER";
			return hook === "forward" ? (chains.find(forUsers) ?? chain) : chain;
		});
}

/** firewalld's policy is accept, and its last rule rejects. */
const mayDrop = ({ policy, table }: Chain): boolean => policy === NF_DROP || table === "firewalld";

const accept = (...match: readonly Expression[]): Expression[] => [...match, counter(), verdict(NF_ACCEPT)];

const throughRules = (device: string): Expression[][] => [
	accept(...interfaceOf("in", device)),
	accept(...interfaceOf("out", device)),
];

/** Containers ask the name server at their gateway, which is this host. */
const nameRules = (device: string): Expression[][] =>
	[DNS, OTHER_DNS_PORT].flatMap((port) =>
		[UDP, TCP].map((protocol) => accept(...interfaceOf("in", device), ...destinationPort(protocol, port))),
	);

function add(device: string, chain: ForeignChain, rules: readonly (readonly Expression[])[]): string[] {
	try {
		using tables = new NfTables();
		tables.apply(
			`nf_tables rules in ${chain.table}`,
			rules.map((rule) => insertRule(chain, rule, commentOf(device))),
		);
		return [];
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message);
		return [
			`The firewall of this host drops what it forwards (chain ${chain.name} in table ${chain.table}), and it could not be told to let containers through (${error.message}): containers on ${device} may reach neither each other nor the outside. To let them: iptables -I FORWARD -i ${device} -j ACCEPT; iptables -I FORWARD -o ${device} -j ACCEPT`,
		];
	}
}
