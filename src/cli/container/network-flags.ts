/** `--network` and what goes with it → places in networks, or a mode of the network that has none. */
import { EngineError } from "../../errors.ts";
import { type EndpointSettings, NO_SETTINGS } from "../../store/endpoint-record.ts";
import { BRIDGE } from "../../store/networks.ts";

const longForm = () => require("../flags/parse-network.ts") as typeof import("../flags/parse-network.ts");

/** Most are a name, for which the grammar need not be loaded. */
export const parseNetwork = (text: string): EndpointSettings =>
	/[=,]/.test(text) ? longForm().parseNetwork(text) : { ...NO_SETTINGS, name: text === "default" ? BRIDGE : text };

interface NetworkFlags {
	readonly network: readonly EndpointSettings[];
	readonly net: readonly EndpointSettings[];
	readonly ip: string;
	readonly ip6: string;
	readonly link: readonly string[];
	readonly "link-local-ip": readonly string[];
	readonly "mac-address": string;
	readonly "network-alias": readonly string[];
	readonly "net-alias": readonly string[];
	readonly "add-host": readonly unknown[];
	readonly dns: readonly unknown[];
	readonly expose: readonly unknown[];
	readonly hostname: string | undefined;
	readonly publish: readonly unknown[];
	readonly "publish-all": boolean;
}

/** Those that are no networks, but have a place among them. */
const MODES = ["none", "host"];

export function networksOf(flags: NetworkFlags): { networkMode: string; networks: readonly EndpointSettings[] } {
	const asked = [...flags.network, ...flags.net];
	const names = asked.map(({ name }) => name);
	const twice = names.find((name, i) => names.indexOf(name) !== i);
	if (twice !== undefined) throw new EngineError("usage", `network "${twice}" is specified multiple times`);
	if (names.length > 1 && names.some((name) => MODES.includes(name) || name.startsWith("container:"))) {
		const all = names.toSorted().join(", ");
		throw new EngineError("invalid", `Container cannot be connected to network endpoints: ${all}`);
	}
	const [first = { ...NO_SETTINGS, name: BRIDGE }, ...more] = asked;
	const { name } = first;
	const isShared = name.startsWith("container:");
	if (isShared) checkShared(flags);
	const aliases = [...flags["network-alias"], ...flags["net-alias"]];
	const isMode = isShared || MODES.includes(name);
	if ((flags.ip || flags.ip6) && isMode) {
		throw new EngineError(
			"usage",
			"invalid config for network: user specified IP address is supported only on networks with a subnet",
		);
	}
	if (aliases.length && (isMode || name === BRIDGE)) {
		throw new EngineError("invalid", "network-scoped alias is supported only for containers in user defined networks");
	}
	if (flags.link.length && isMode) {
		const kind = isShared ? "container" : name;
		throw new EngineError(
			"invalid",
			`conflicting options: ${kind} type network${kind === "host" ? "ing" : ""} can't be used with links. This would result in undefined behavior`,
		);
	}
	checkGivenOnce(first, flags, aliases);
	if (isMode) return { networkMode: name, networks: [] };
	const settings = {
		...first,
		aliases: [...first.aliases, ...aliases],
		ip: first.ip || flags.ip,
		ip6: first.ip6 || flags.ip6,
		links: [...first.links, ...flags.link],
		linkLocalIps: [...first.linkLocalIps, ...linkLocals(flags["link-local-ip"])],
		mac: first.mac || flags["mac-address"],
	};
	return { networkMode: name, networks: [settings, ...more] };
}

/** Of the long form of --network, or by its own flag; not both. */
function checkGivenOnce(first: EndpointSettings, flags: NetworkFlags, aliases: readonly string[]): void {
	const twice: readonly [boolean, string, string][] = [
		[first.aliases.length > 0 && aliases.length > 0, "network-alias", "network alias"],
		[first.links.length > 0 && flags.link.length > 0, "link", "network links"],
		[first.ip !== "" && flags.ip !== "", "ip", "IPv4 address"],
		[first.ip6 !== "" && flags.ip6 !== "", "ip6", "IPv6 address"],
		[first.mac !== "" && flags["mac-address"] !== "", "mac-address", "MAC address"],
		[first.linkLocalIps.length > 0 && flags["link-local-ip"].length > 0, "link-local-ip", "link-local IP addresses"],
	];
	for (const [isTwice, flag, what] of twice) {
		if (isTwice)
			throw new EngineError("usage", `conflicting options: cannot specify both --${flag} and per-network ${what}`);
	}
}

function linkLocals(words: readonly string[]): readonly string[] {
	try {
		return words.map((word) => longForm().checkedLinkLocal(word));
	} catch (error) {
		throw new EngineError("usage", (error as Error).message);
	}
}

/** What belongs to the other container's network cannot be said for this one. */
function checkShared(flags: NetworkFlags): void {
	const conflicts: readonly [boolean, string][] = [
		[flags.hostname !== undefined, "hostname and the network mode"],
		[flags.dns.length > 0, "dns and the network mode"],
		[flags["add-host"].length > 0, "custom host-to-IP mapping and the network mode"],
		[flags["mac-address"] !== "", "mac-address and the network mode"],
		[flags.publish.length > 0 || flags["publish-all"], "port publishing and the container type network mode"],
		[flags.expose.length > 0, "port exposing and the container type network mode"],
	];
	for (const [isGiven, text] of conflicts)
		if (isGiven) throw new EngineError("invalid", `conflicting options: ${text}`);
}
