/** Writes a container's hosts, hostname and resolv.conf, which are bound over its own. */

import { onlyLoopbackServers, renderHosts, renderResolvConf, serversIn } from "../../network/hosts.ts";
import type { ContainerPaths } from "../../paths.ts";
import type { Container } from "../../store/container-record.ts";
import { BRIDGE } from "../../store/networks.ts";
import { readFileSync, writeFileSync } from "../../sys/fs.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import { gatewayEndpoint } from "./gateway.ts";

const RESOLV_CONF = "/etc/resolv.conf";
const SYSTEMD_RESOLV_CONF = "/run/systemd/resolve/resolv.conf";

function readText(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}

/** The host's file, or systemd-resolved's list of real servers where that one names only the stub. */
function hostResolvConf(): string {
	const text = readText(RESOLV_CONF);
	return (onlyLoopbackServers(text) && readText(SYSTEMD_RESOLV_CONF)) || text;
}

/** Servers that the host's own programs ask; those on its loopback too. */
export const hostServers = (): string[] => serversIn(readText(RESOLV_CONF));

/** What its networks give it must be on record. */
export function writeNamesFiles({ config, state }: Container, files: ContainerPaths): void {
	const { host } = config;
	const hostNetwork = host.networkMode === "host";
	const gateway = gatewayEndpoint(state.endpoints)?.lease?.gateway;
	const extra = host.extraHosts.map((line) =>
		line.replace(/:host-gateway$/, `:${gateway ? formatIpv4(gateway) : "127.0.0.1"}`),
	);
	const ownHosts = hostNetwork && extra.length === 0 ? readText("/etc/hosts") : "";
	const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o644 });
	write(
		files.hosts,
		ownHosts ||
			renderHosts({
				hostname: config.hostname,
				domainname: config.domainname,
				ips: state.endpoints.flatMap(({ lease }) => (lease ? [formatIpv4(lease.ip)] : [])),
				extra,
			}),
	);
	write(files.hostname, `${config.hostname}\n`);
	// The name server of a network asks those of --dns, or the host's.
	const named = state.endpoints.find(({ name, lease }) => name !== BRIDGE && lease?.resolver);
	const resolver = named?.lease?.resolver;
	write(
		files.resolvConf,
		renderResolvConf({
			host: hostNetwork ? readText(RESOLV_CONF) : hostResolvConf(),
			servers: resolver ? [formatIpv4(resolver)] : host.dns,
			search: host.dnsSearch,
			options: resolver && host.dnsOptions.length === 0 ? ["ndots:0"] : host.dnsOptions,
			hostNetwork,
		}),
	);
}
