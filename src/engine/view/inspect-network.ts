/** `inspect`: a container's networks and ports, in the words of docker's API. */
import type { Container, HostConfig } from "../../store/container-record.ts";
import type { Endpoint, PortMapping } from "../../store/endpoint-record.ts";
import { BRIDGE, getNetwork } from "../../store/networks.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import type { Engine } from "../engine.ts";
import { dnsNames } from "../network/names.ts";

interface HostPort {
	readonly HostIp: string;
	readonly HostPort: string;
}

function byPort<T extends { readonly port: number; readonly protocol: string }>(
	all: readonly T[],
	view: (one: T) => HostPort,
): Record<string, HostPort[]> {
	const found: Record<string, HostPort[]> = {};
	for (const one of all) {
		const key = `${one.port}/${one.protocol}`;
		found[key] = [...(found[key] ?? []), view(one)];
	}
	return found;
}

export const portBindings = ({ portBindings: all }: Pick<HostConfig, "portBindings">): object =>
	byPort(all, ({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: hostPort }));

/** While it runs: what leads to it; null for what is exposed alone. */
function shownPorts(exposed: readonly string[], ports: readonly PortMapping[]): object {
	// Without a port of the host it is reached by the container's own address (docker's gateway mode "routed").
	const published = byPort(ports, ({ hostIp, hostPort }) => ({
		HostIp: hostIp,
		HostPort: hostPort ? String(hostPort) : "",
	}));
	return { ...Object.fromEntries(exposed.map((port) => [port, null])), ...published };
}

export function networkSettings(engine: Engine, container: Container): object {
	const { config, state } = container;
	const { endpoints } = state;
	const mode = config.host.networkMode;
	const isRunning = state.status === "running";
	// What is no network is shown as one, without anything in it.
	const isMode = mode === "host" || mode === "none";
	const shown = endpoints.length || !isMode ? endpoints : [undefined];
	const networks = shown.map((endpoint): [string, object] => [
		endpoint?.name ?? mode,
		endpointView(engine, container, endpoint),
	]);
	// The fields of before there were several networks tell of the default one.
	const first = endpoints.find(({ name }) => name === BRIDGE)?.lease;
	return {
		Bridge: "",
		SandboxID: isRunning ? container.id : "",
		SandboxKey: isRunning ? `/proc/${state.init?.pid}/ns/net` : "",
		Ports: isRunning && endpoints.length ? shownPorts(config.exposedPorts, state.ports) : {},
		HairpinMode: false,
		LinkLocalIPv6Address: "",
		LinkLocalIPv6PrefixLen: 0,
		SecondaryIPAddresses: null,
		SecondaryIPv6Addresses: null,
		EndpointID: first?.id ?? "",
		Gateway: first ? formatIpv4(first.gateway) : "",
		GlobalIPv6Address: first?.ip6 ?? "",
		GlobalIPv6PrefixLen: first?.prefix6 ?? 0,
		IPAddress: first ? formatIpv4(first.ip) : "",
		IPPrefixLen: first?.prefix ?? 0,
		IPv6Gateway: first?.gateway6 ?? "",
		MacAddress: first?.mac ?? "",
		Networks: Object.fromEntries(networks),
	};
}

function endpointView(engine: Engine, container: Container, endpoint: Endpoint | undefined): object {
	const lease = endpoint?.lease;
	const name = endpoint?.name ?? container.config.host.networkMode;
	const isOwn = endpoint !== undefined && name !== BRIDGE;
	const names = isOwn ? dnsNames(container, endpoint) : null;
	return {
		IPAMConfig: endpoint ? ipamConfig(endpoint) : null,
		Links: endpoint?.links.length ? endpoint.links : null,
		Aliases: endpoint?.aliases.length ? endpoint.aliases : null,
		MacAddress: lease?.mac ?? "",
		DriverOpts: null,
		GwPriority: endpoint?.gwPriority ?? 0,
		NetworkID: endpoint?.network || (getNetwork(engine.db, name)?.id ?? ""),
		EndpointID: lease?.id ?? "",
		Gateway: lease?.gateway ? formatIpv4(lease.gateway) : "",
		IPAddress: lease ? formatIpv4(lease.ip) : "",
		IPPrefixLen: lease?.prefix ?? 0,
		IPv6Gateway: lease?.gateway6 ?? "",
		GlobalIPv6Address: lease?.ip6 ?? "",
		GlobalIPv6PrefixLen: lease?.prefix6 ?? 0,
		DNSNames: names,
	};
}

/** What was asked for; null: nothing. */
function ipamConfig({ ip, ip6, linkLocalIps }: Endpoint): object | null {
	if (!ip && !ip6 && linkLocalIps.length === 0) return null;
	return {
		...(ip ? { IPv4Address: ip } : {}),
		...(ip6 ? { IPv6Address: ip6 } : {}),
		...(linkLocalIps.length ? { LinkLocalIPs: linkLocalIps } : {}),
	};
}
