/**
 * Our nf_tables table: masquerade to the outside, and what may be forwarded. Removing the table removes every trace.
 */
import { EngineError } from "../errors.ts";
import { debug } from "../log.ts";
import { SyscallError } from "../sys/errno.ts";
import { kernelRelease } from "../sys/kernel.ts";
import {
	connectionKnown,
	deleteTable,
	inputInterface,
	masquerade,
	NF_ACCEPT,
	NF_DROP,
	NfTables,
	newBaseChain,
	newRule,
	newTable,
	notOutputInterface,
	outputInterface,
	sourceNetwork,
	verdict,
} from "../sys/nf-tables.ts";
import type { Subnet } from "./ipam.ts";

/** The table's name: the bridge's, so that two state directories on one host don't share one. */
export const tableName = (bridge: string): string =>
	bridge === "nanobridge" ? "nanocontainer" : `nanocontainer-${bridge}`;

const PRIORITY_SRCNAT = 100;
const PRIORITY_FILTER = 0;

/** The rules, as nft would list them beside each. Pure. */
export function tableMessages(bridge: string, subnet: Subnet): Uint8Array[] {
	const table = tableName(bridge);
	return [
		newTable(table),
		newBaseChain(table, "postrouting", { type: "nat", hook: "postrouting", priority: PRIORITY_SRCNAT }),
		newBaseChain(table, "forward", { type: "filter", hook: "forward", priority: PRIORITY_FILTER }),
		// ip saddr SUBNET oifname != "nanobridge" masquerade
		newRule(table, "postrouting", [
			...sourceNetwork(subnet.network, subnet.prefix),
			...notOutputInterface(bridge),
			masquerade(),
		]),
		// iifname "nanobridge" accept
		newRule(table, "forward", [...inputInterface(bridge), verdict(NF_ACCEPT)]),
		// oifname "nanobridge" ct state established,related accept
		newRule(table, "forward", [...outputInterface(bridge), ...connectionKnown(), verdict(NF_ACCEPT)]),
		// oifname "nanobridge" drop: what is not published is not reached from outside
		newRule(table, "forward", [...outputInterface(bridge), verdict(NF_DROP)]),
	];
}

/** Installs the table if it is missing (a firewall that was reloaded took it away). */
export function ensureTable(bridge: string, subnet: Subnet): void {
	try {
		using tables = new NfTables();
		if (tables.hasTable(tableName(bridge))) return;
		// Removed and made in one transaction: whoever comes second doesn't append every rule again.
		const messages = tableMessages(bridge, subnet);
		tables.apply(`nf_tables table ${tableName(bridge)}`, [
			newTable(tableName(bridge)),
			deleteTable(tableName(bridge)),
			...messages,
		]);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		debug("network", () => error.message);
		throw new EngineError(
			"unsupported",
			`This kernel (${kernelRelease()}) cannot do nf_tables with NAT (modules nf_tables, nft_masq, nft_ct): ${error.message}. Use --network none or --network host`,
			{ cause: error },
		);
	}
}
