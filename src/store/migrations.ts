/** How the database came to be what it is, step by step (src/store/database.ts applies them). */

/** Each entry takes the database from version i to i+1. Never edit one that was released: add one. */
export const MIGRATIONS: readonly string[] = [
	`
	CREATE TABLE containers (
		id TEXT PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		created INTEGER NOT NULL,
		image TEXT NOT NULL,
		config TEXT NOT NULL,
		state TEXT NOT NULL
	);
	CREATE TABLE images (
		id TEXT PRIMARY KEY,
		created INTEGER NOT NULL,
		size INTEGER NOT NULL,
		config TEXT NOT NULL,
		layers TEXT NOT NULL,
		manifest TEXT NOT NULL
	);
	CREATE TABLE layers (
		diff_id TEXT PRIMARY KEY,
		size INTEGER NOT NULL
	);
	CREATE TABLE tags (
		reference TEXT PRIMARY KEY,
		image TEXT NOT NULL REFERENCES images(id),
		tagged INTEGER NOT NULL
	);
	CREATE TABLE digests (
		reference TEXT PRIMARY KEY,
		image TEXT NOT NULL REFERENCES images(id)
	);
	CREATE TABLE networks (
		name TEXT PRIMARY KEY,
		id TEXT NOT NULL UNIQUE,
		created INTEGER NOT NULL,
		bridge TEXT NOT NULL,
		subnet TEXT NOT NULL
	);
	CREATE TABLE addresses (
		network TEXT NOT NULL REFERENCES networks(name),
		ip INTEGER NOT NULL,
		container TEXT NOT NULL,
		PRIMARY KEY (network, ip)
	);
	CREATE TABLE volumes (
		name TEXT PRIMARY KEY,
		created INTEGER NOT NULL,
		anonymous INTEGER NOT NULL,
		labels TEXT NOT NULL
	);
	CREATE TABLE volume_uses (
		volume TEXT NOT NULL,
		container TEXT NOT NULL,
		PRIMARY KEY (volume, container)
	);
	`,
	`
	CREATE TABLE build_results (
		key TEXT PRIMARY KEY,
		diff_id TEXT NOT NULL,
		description TEXT NOT NULL,
		created INTEGER NOT NULL,
		used INTEGER NOT NULL
	);
	CREATE INDEX build_results_by_layer ON build_results (diff_id);
	ALTER TABLE layers ADD COLUMN archive_size INTEGER;
	CREATE TABLE build_mounts (
		id TEXT PRIMARY KEY,
		description TEXT NOT NULL,
		created INTEGER NOT NULL,
		used INTEGER NOT NULL
	);
	CREATE TABLE build_steps (
		id TEXT PRIMARY KEY,
		pid INTEGER NOT NULL,
		start_time INTEGER NOT NULL,
		cgroup TEXT NOT NULL
	);
	CREATE TABLE content_hashes (
		key TEXT PRIMARY KEY,
		digest TEXT NOT NULL
	) WITHOUT ROWID;
	`,
	`
	ALTER TABLE build_results ADD COLUMN durable INTEGER NOT NULL DEFAULT 0;
	`,
	`
	CREATE TABLE reserve (bytes BLOB NOT NULL); -- empty: what was in it are free pages (room.ts)
	`,
	`
	ALTER TABLE volumes ADD COLUMN options TEXT NOT NULL DEFAULT '{}';

	-- Containers have a list of endpoints, which the state holds, with what was leased for each while it runs.
	UPDATE containers SET state = json_remove(json_set(state, '$.endpoints',
		CASE config->>'$.host.networkMode' WHEN 'bridge' THEN json_array(json_object(
			'network', COALESCE((SELECT id FROM networks WHERE name = 'bridge'), ''), 'name', 'bridge',
			'aliases', json('[]'), 'links', json('[]'), 'ip', config->>'$.host.ip', 'ip6', '', 'mac', config->>'$.macAddress',
			'linkLocalIps', json('[]'), 'driverOpts', json('{}'), 'gwPriority', 0,
			'lease', CASE WHEN json_type(state, '$.network') = 'object' THEN json_object(
				'ip', state->'$.network.ip', 'prefix', state->'$.network.prefix', 'gateway', state->'$.network.gateway',
				'mac', state->>'$.network.mac', 'link', state->>'$.network.link', 'device', 'eth0') END))
		ELSE json('[]') END), '$.network');

	CREATE TABLE network_records (
		id TEXT PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		created INTEGER NOT NULL,
		config TEXT NOT NULL
	);
	INSERT INTO network_records SELECT id, name, created, json_object('driver', 'bridge', 'device', bridge,
		'subnets', json_array(json_object('subnet', subnet, 'gateway', ''))) FROM networks;
	CREATE TABLE leases (
		network TEXT NOT NULL,
		ip NOT NULL, -- a number (IPv4) or text (IPv6)
		container TEXT NOT NULL,
		PRIMARY KEY (network, ip)
	);
	INSERT INTO leases SELECT networks.id, ip, container FROM addresses JOIN networks ON networks.name = network;
	DROP TABLE addresses;
	DROP TABLE networks;
	ALTER TABLE network_records RENAME TO networks;
	ALTER TABLE leases RENAME TO addresses;
	`,
];
