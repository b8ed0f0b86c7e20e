/** `network ls`, and the look at one. */
import { formatAddress6 } from "../../network/ipam6.ts";
import { listNetworks, type NetworkRecord } from "../../store/networks.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import type { Engine } from "../engine.ts";
import { checkKeys, type Filters, labelMatches, nameMatches, oneOf, passes, type Tests, truth } from "../filters.ts";
import { ensurePredefined, PREDEFINED } from "./default.ts";
import { activeIn } from "./remove.ts";
import { subnet6Of, subnetOf } from "./subnet.ts";

const tests = (engine: Engine): Tests<NetworkRecord> => ({
	// docker: without containers, and not one of its own
	dangling: (network, value) =>
		truth("dangling", value) === (!PREDEFINED.includes(network.name) && activeIn(engine, network).length === 0),
	driver: ({ config }, value) => config.driver === value,
	id: ({ id }, value) => id.startsWith(value),
	label: ({ config }, value) => labelMatches(config.labels, value),
	name: ({ name }, value) => nameMatches([name], value),
	scope: (_, value) => value === "local",
	type: ({ name }, value) => (oneOf("type", value, ["builtin", "custom"]) === "builtin") === PREDEFINED.includes(name),
});

/** By name. Throws EngineError for a filter that there is not. */
export function filteredNetworks(engine: Engine, filters: Filters): NetworkRecord[] {
	const all = tests(engine);
	checkKeys(filters, Object.keys(all));
	ensurePredefined(engine);
	return listNetworks(engine.db).filter((network) => passes(network, filters, all));
}

/** As docker's API has it. */
export function inspectNetwork(engine: Engine, network: NetworkRecord): object {
	const { id, name, created, config } = network;
	const own = subnetOf(network);
	const six = subnet6Of(network);
	return {
		Name: name,
		Id: id,
		Created: new Date(created).toISOString(),
		Scope: "local",
		Driver: config.driver,
		EnableIPv4: true,
		EnableIPv6: subnet6Of(network) !== undefined,
		IPAM: {
			Driver: "default",
			Options: name === "bridge" || !own ? null : {},
			Config: own
				? config.subnets.map(({ subnet, ipRange, aux }) => ({
						Subnet: subnet,
						...(ipRange ? { IPRange: ipRange } : {}),
						Gateway: subnet.includes(":") && six ? formatAddress6(six.gateway) : formatIpv4(own.gateway),
						...(Object.keys(aux).length ? { AuxiliaryAddresses: aux } : {}),
					}))
				: null,
		},
		Internal: config.internal,
		Attachable: config.attachable,
		Ingress: false,
		ConfigFrom: { Network: "" },
		ConfigOnly: false,
		Containers: Object.fromEntries(
			activeIn(engine, network).map((container) => [container.id, member(network, container)]),
		),
		Options:
			name === "bridge" ? { "com.docker.network.bridge.name": config.device, ...config.options } : config.options,
		Labels: config.labels,
	};
}

function member({ id }: NetworkRecord, { name, state }: ReturnType<typeof activeIn>[number]): object {
	const lease = state.endpoints.find(({ network }) => network === id)?.lease;
	return {
		Name: name,
		EndpointID: lease?.id ?? "",
		MacAddress: lease?.mac ?? "",
		IPv4Address: lease ? `${formatIpv4(lease.ip)}/${lease.prefix}` : "",
		IPv6Address: lease?.ip6 ? `${lease.ip6}/${lease.prefix6}` : "",
	};
}
