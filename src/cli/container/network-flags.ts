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
	readonly "mac-address": string;
	readonly "network-alias": readonly string[];
	readonly "net-alias": readonly string[];
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
	if (name.startsWith("container:")) {
		throw new EngineError(
			"unsupported",
			`network mode "${name}" is not supported yet: have both in a network of their own`,
		);
	}
	const aliases = [...flags["network-alias"], ...flags["net-alias"]];
	const isMode = MODES.includes(name);
	if (flags.ip && isMode) {
		throw new EngineError(
			"usage",
			"invalid config for network: user specified IP address is supported only on networks with a subnet",
		);
	}
	if (aliases.length && (isMode || name === BRIDGE)) {
		throw new EngineError("invalid", "network-scoped alias is supported only for containers in user defined networks");
	}
	if (isMode) return { networkMode: name, networks: [] };
	const settings = {
		...first,
		aliases: [...first.aliases, ...aliases],
		ip: first.ip || flags.ip,
		mac: first.mac || flags["mac-address"],
	};
	return { networkMode: name, networks: [settings, ...more] };
}
