/**
 * Our nf_tables table: what may be forwarded, what is published, what the outside sees containers as. Removing the table
 * removes every trace. A packet meets the same few rules however many networks and ports there are: those are elements of
 * sets and maps. As nft lists it:
 *
 *   set bridges { nanobridge, br-… }               map pairs { nanobridge . nanobridge : accept }
 *   map ports { tcp . 8080 : 172.17.0.2 . 80 }     map ports_at { tcp . 127.0.0.1 . 8081 : 172.17.0.3 . 80 }
 *   map ports6 { tcp . 8080 : fd00::2 . 80 }       set open { tcp . 10.1.0.2 . 80 }
 */
import { EngineError } from "../errors.ts";
import { debug } from "../log.ts";
import { SyscallError } from "../sys/errno.ts";
import { kernelRelease } from "../sys/kernel.ts";
import { interfaceName } from "../sys/nf-expressions.ts";
import { addElements, deleteElements, getElement } from "../sys/nf-sets.ts";
import { deleteTable, NfTables, newTable } from "../sys/nf-tables.ts";
import { type PublishedPort, portMessages } from "./port-map.ts";
import { BRIDGES, type TableNetwork, tableMessages } from "./table-rules.ts";

/** The table's name: the default bridge's, so that two state directories on one host don't share one. */
export const tableName = (bridge: string): string =>
	bridge === "nanobridge" ? "nanocontainer" : `nanocontainer-${bridge}`;

/** Whether the rules are there, those of the network on this device included. */
export const hasNetwork = (bridge: string, device: string): boolean =>
	withTables((tables) =>
		tables.isThere(`nf_tables set ${BRIDGES}`, getElement(tableName(bridge), BRIDGES, interfaceName(device))),
	);

/** Whether this kernel has nf_tables at all. */
export function hasRules(): boolean {
	try {
		using tables = new NfTables();
		tables.generation();
		return true;
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		return false;
	}
}

/** A number that every change of rules raises by one, whoever made it. */
export const rulesGeneration = (): number => withTables((tables) => tables.generation());

/** Puts all of it in the place of what there is, in one transaction: no packet meets half of it. */
export function replaceTable(
	bridge: string,
	networks: readonly TableNetwork[],
	ports: readonly PublishedPort[],
	host: { readonly routesLoopback: boolean },
): void {
	const table = tableName(bridge);
	const messages = [newTable(table), deleteTable(table), ...tableMessages(table, networks, ports, host)];
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
			`This kernel (${kernelRelease()}) cannot do nf_tables with NAT (modules nf_tables, nft_nat, nft_masq, nft_ct, nft_fib_inet): ${error.message}`,
			{ cause: error },
		);
	}
}
