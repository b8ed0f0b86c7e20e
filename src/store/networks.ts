/** The tables of networks and of the addresses given out in them. */
import type { Db } from "./database.ts";

/** The default network: docker's name for it. */
export const BRIDGE = "bridge";

export interface NetworkRecord {
	readonly name: string;
	readonly id: string;
	readonly created: number;
	/** The bridge device. */
	readonly bridge: string;
	/** "172.17.0.0/16" */
	readonly subnet: string;
}

export function getNetwork(db: Db, name: string): NetworkRecord | undefined {
	return (db.query("SELECT * FROM networks WHERE name = ?").get(name) as NetworkRecord | null) ?? undefined;
}

export function insertNetwork(db: Db, network: NetworkRecord): void {
	db.query("INSERT INTO networks (name, id, created, bridge, subnet) VALUES (?, ?, ?, ?, ?)").run(
		network.name,
		network.id,
		network.created,
		network.bridge,
		network.subnet,
	);
}

export function deleteNetwork(db: Db, name: string): void {
	db.query("DELETE FROM networks WHERE name = ?").run(name);
}

/** Addresses in use, in order. */
export function addressesOf(db: Db, network: string): number[] {
	const rows = db.query("SELECT ip FROM addresses WHERE network = ? ORDER BY ip").all(network) as { ip: number }[];
	return rows.map((row) => row.ip);
}

export function takeAddress(db: Db, network: string, ip: number, container: string): void {
	db.query("INSERT INTO addresses (network, ip, container) VALUES (?, ?, ?)").run(network, ip, container);
}

export function releaseAddresses(db: Db, container: string): void {
	db.query("DELETE FROM addresses WHERE container = ?").run(container);
}
