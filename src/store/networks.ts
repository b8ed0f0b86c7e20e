/** The tables of networks and of the addresses given out in them. */
import * as v from "valibot";
import type { Db } from "./database.ts";

/** The default network: docker's name for it. */
export const BRIDGE = "bridge";

const string = v.string();
const boolean = v.boolean();
const stringMap = v.record(string, string);

/** What a network is, in the words of docker's API (network create). */
export const NetworkConfig = v.object({
	driver: v.picklist(["bridge", "macvlan", "ipvlan", "host", "null"]),
	/** The bridge device on the host; "" where there is none. */
	device: string,
	subnets: v.array(
		v.object({
			/** "172.18.0.0/16" */
			subnet: string,
			/** "": the first address. */
			gateway: string,
			/** Where addresses are given out; "": the whole subnet. */
			ipRange: v.optional(string, ""),
			/** Addresses that are not given out, by what they are for. */
			aux: v.optional(stringMap, {}),
		}),
	),
	internal: v.optional(boolean, false),
	attachable: v.optional(boolean, false),
	options: v.optional(stringMap, {}),
	labels: v.optional(stringMap, {}),
});
export type NetworkConfig = v.InferOutput<typeof NetworkConfig>;

export interface NetworkRecord {
	readonly id: string;
	readonly name: string;
	/** Milliseconds since 1970. */
	readonly created: number;
	readonly config: NetworkConfig;
}

interface Row {
	id: string;
	name: string;
	created: number;
	config: string;
}

const decode = (row: Row): NetworkRecord => ({ ...row, config: v.parse(NetworkConfig, JSON.parse(row.config)) });
const decodeMaybe = (row: unknown): NetworkRecord | undefined => (row ? decode(row as Row) : undefined);

export const getNetwork = (db: Db, name: string): NetworkRecord | undefined =>
	decodeMaybe(db.query("SELECT * FROM networks WHERE name = ?").get(name));

export const getNetworkById = (db: Db, id: string): NetworkRecord | undefined =>
	decodeMaybe(db.query("SELECT * FROM networks WHERE id = ?").get(id));

/** Those whose ID begins so; the first two of them. */
export const networksByPrefix = (db: Db, prefix: string): NetworkRecord[] =>
	(db.query("SELECT * FROM networks WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2").all(prefix) as Row[]).map(decode);

/** By name. */
export const listNetworks = (db: Db): NetworkRecord[] =>
	(db.query("SELECT * FROM networks ORDER BY name").all() as Row[]).map(decode);

export function insertNetwork(db: Db, { id, name, created, config }: NetworkRecord): void {
	db.query("INSERT INTO networks (id, name, created, config) VALUES (?, ?, ?, ?)").run(
		id,
		name,
		created,
		JSON.stringify(config),
	);
}

export function updateNetwork(db: Db, id: string, config: NetworkConfig): void {
	db.query("UPDATE networks SET config = ? WHERE id = ?").run(JSON.stringify(config), id);
}

export function deleteNetwork(db: Db, id: string): void {
	db.query("DELETE FROM networks WHERE id = ?").run(id);
}

/** IPv4 addresses in use, in order. */
export function addressesOf(db: Db, network: string): number[] {
	const query = "SELECT ip FROM addresses WHERE network = ? AND typeof(ip) = 'integer' ORDER BY ip";
	return (db.query(query).all(network) as { ip: number }[]).map(({ ip }) => ip);
}

/** IPv6 addresses in use. */
export function addresses6Of(db: Db, network: string): string[] {
	const query = "SELECT ip FROM addresses WHERE network = ? AND typeof(ip) = 'text'";
	return (db.query(query).all(network) as { ip: string }[]).map(({ ip }) => ip);
}

/** A number is one of IPv4, a text one of IPv6. */
export function takeAddress(db: Db, network: string, ip: number | string, container: string): void {
	db.query("INSERT INTO addresses (network, ip, container) VALUES (?, ?, ?)").run(network, ip, container);
}

export function releaseAddresses(db: Db, container: string): void {
	db.query("DELETE FROM addresses WHERE container = ?").run(container);
}

/** Of one network. */
export function releaseAddress(db: Db, container: string, network: string): void {
	db.query("DELETE FROM addresses WHERE container = ? AND network = ?").run(container, network);
}

/** IDs of the networks in which the container has an address. */
export const networksOf = (db: Db, container: string): string[] =>
	(db.query("SELECT DISTINCT network FROM addresses WHERE container = ?").all(container) as { network: string }[]).map(
		({ network }) => network,
	);
