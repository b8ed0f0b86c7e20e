/**
 * What other programs' nf_tables chains do to what is forwarded: docker's iptables sets the policy of FORWARD to drop, and
 * with bridge-nf-call-iptables that meets even what goes from one container to the other.
 */
import { SyscallError } from "../sys/errno.ts";
import { listChains } from "../sys/nf-chains.ts";
import { NF_DROP } from "../sys/nf-tables.ts";

const FAMILIES: Readonly<Record<number, string>> = { 1: "inet", 2: "ip", 7: "bridge" };

/** A sentence for each chain that drops what nobody accepts; `bridge` is ours. */
export function warningsOfForeignRules(bridge: string): string[] {
	return dropping().map(
		({ family, table, name }) =>
			`The firewall of this host drops what it forwards (policy drop of chain ${name} in table ${family} ${table}): containers on ${bridge} may reach neither each other nor the outside. To let them: iptables -I FORWARD -i ${bridge} -j ACCEPT; iptables -I FORWARD -o ${bridge} -j ACCEPT`,
	);
}

function dropping(): { readonly family: string; readonly table: string; readonly name: string }[] {
	try {
		return listChains().flatMap(({ family, table, name, hook, policy }) => {
			const known = FAMILIES[family];
			return known && hook === "forward" && policy === NF_DROP ? [{ family: known, table, name }] : [];
		});
	} catch (error) {
		if (error instanceof SyscallError) return []; // who may not look cannot tell
		throw error;
	}
}
