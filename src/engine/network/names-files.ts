/** Writes a container's hosts, hostname and resolv.conf, which are bound over its own. */

import { onlyLoopbackServers, renderHosts, renderResolvConf } from "../../network/hosts.ts";
import type { ContainerPaths } from "../../paths.ts";
import type { Container, ContainerState } from "../../store/container-record.ts";
import { readFileSync, writeFileSync } from "../../sys/fs.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";

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

export function writeNamesFiles(container: Container, files: ContainerPaths, network: ContainerState["network"]): void {
	const { config } = container;
	const { host } = config;
	const hostNetwork = host.networkMode === "host";
	const gateway = network ? formatIpv4(network.gateway) : "127.0.0.1";
	const extra = host.extraHosts.map((line) => line.replace(/:host-gateway$/, `:${gateway}`));
	const ownHosts = hostNetwork && extra.length === 0 ? readText("/etc/hosts") : "";
	const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o644 });
	write(
		files.hosts,
		ownHosts ||
			renderHosts({
				hostname: config.hostname,
				domainname: config.domainname,
				ip: network ? formatIpv4(network.ip) : undefined,
				extra,
			}),
	);
	write(files.hostname, `${config.hostname}\n`);
	write(
		files.resolvConf,
		renderResolvConf({
			host: hostNetwork ? readText(RESOLV_CONF) : hostResolvConf(),
			servers: host.dns,
			search: host.dnsSearch,
			options: host.dnsOptions,
			hostNetwork,
		}),
	);
}
