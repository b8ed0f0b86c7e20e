/** The drivers of networks, and the options that each takes, by docker's names. */
import { EngineError } from "../../errors.ts";
import type { NetworkConfig } from "../../store/networks.ts";

/**
 * bridge: a switch of the host's, with rules. macvlan: a device of the host's under further hardware addresses, in the network that
 * it is in. ipvlan: the same under one hardware address, by IP address (l2), or with the host as router (l3).
 */
export type Driver = "bridge" | "macvlan" | "ipvlan";

export const BRIDGE_OPTION = "com.docker.network.bridge.";
const MTU = "com.docker.network.driver.mtu";
const mtu = /^(6[89]|[7-9]\d|\d{3,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/;
const truth = /^(true|false)$/;
const link = /^[^\s/:]{1,15}$/;

/** What each option may be. */
const OPTIONS: Readonly<Record<Driver, Readonly<Record<string, RegExp>>>> = {
	bridge: {
		[`${BRIDGE_OPTION}name`]: link,
		[`${BRIDGE_OPTION}host_binding_ipv4`]: /^\d{1,3}(\.\d{1,3}){3}$/,
		[`${BRIDGE_OPTION}gateway_mode_ipv4`]: /^(nat|routed|nat-unprotected)$/,
		[`${BRIDGE_OPTION}gateway_mode_ipv6`]: /^(nat|routed|nat-unprotected)$/,
		[`${BRIDGE_OPTION}enable_icc`]: truth,
		[`${BRIDGE_OPTION}enable_ip_masquerade`]: truth,
		[MTU]: mtu,
	},
	macvlan: { parent: link, macvlan_mode: /^(bridge|private|vepa|passthru)$/, [MTU]: mtu },
	ipvlan: { parent: link, ipvlan_mode: /^(l2|l3|l3s)$/, [MTU]: mtu },
};

/** Throws EngineError for a driver that there is not, and for options that it has not. */
export function checkDriver(driver: string, options: Readonly<Record<string, string>>): Driver {
	if (driver === "host" || driver === "null") {
		throw new EngineError("invalid", `only one instance of "${driver}" network is allowed`);
	}
	if (driver === "overlay") {
		throw new EngineError("unsupported", "overlay networks are swarm's, and there is no swarm: one host");
	}
	if (driver !== "bridge" && driver !== "macvlan" && driver !== "ipvlan") {
		const text = `could not find plugin ${driver} in v1 plugin registry: there are no plugins, and no such driver here: use bridge, macvlan or ipvlan`;
		throw new EngineError("not-found", text);
	}
	const known = OPTIONS[driver];
	for (const [key, value] of Object.entries(options)) {
		const allowed = Object.hasOwn(known, key) ? known[key] : undefined;
		if (!allowed)
			throw new EngineError("invalid", `the option "${key}" is not known: ${Object.keys(known).join(", ")}`);
		if (!allowed.test(value)) throw new EngineError("invalid", `invalid value "${value}" for the option "${key}"`);
	}
	if (driver !== "bridge" && !options["parent"]) {
		throw new EngineError(
			"invalid",
			`a network of ${driver} is a part of a device of this host: name it with --opt parent=DEVICE`,
		);
	}
	return driver;
}

/**
 * How a bridge is reached. nat: by ports of the host. routed: by the containers' own addresses, at the ports that are
 * published, for whoever has a route to them. nat-unprotected: by both, at any port.
 */
export const gatewayMode = ({ options }: Pick<NetworkConfig, "options">, family: "ipv4" | "ipv6"): string =>
	options[`${BRIDGE_OPTION}gateway_mode_${family}`] ?? "nat";

/** The numbers of if_link.h: enum macvlan_mode, enum ipvlan_mode. */
const MODES: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8, l2: 0, l3: 1, l3s: 2 };

/** Of macvlan and ipvlan: whose part a container's device is, and how. */
export function partOf({
	driver,
	options,
}: NetworkConfig): { kind: "macvlan" | "ipvlan"; parent: string; mode: number } | undefined {
	if (driver !== "macvlan" && driver !== "ipvlan") return undefined;
	const mode = driver === "macvlan" ? (options["macvlan_mode"] ?? "bridge") : (options["ipvlan_mode"] ?? "l2");
	return { kind: driver, parent: options["parent"] ?? "", mode: MODES[mode] ?? 0 };
}

/** In ipvlan's l3 the host routes: there is no gateway to ask for, the device itself is the way. */
export const isRouted = ({ driver, options }: NetworkConfig): boolean =>
	driver === "ipvlan" && options["ipvlan_mode"]?.startsWith("l3") === true;
