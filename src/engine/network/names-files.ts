/** Writes a container's hosts, hostname and resolv.conf, which are bound over its own. */

import { onlyLoopbackServers, ownNames, renderHosts, renderResolvConf, serversIn } from "../../network/hosts.ts";
import type { ContainerPaths } from "../../paths.ts";
import type { Container } from "../../store/container-record.ts";
import type { Endpoint } from "../../store/endpoint-record.ts";
import { readFileSync, writeFileSync } from "../../sys/fs.ts";
import { formatIpv4 } from "../../sys/ipv4.ts";
import { tryStat } from "../../sys/stat.ts";
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

/** What its networks give it must be on record. `links`: further lines of its hosts file (links.ts). */
export function writeNamesFiles(
	{ config, state }: Container,
	files: ContainerPaths,
	links: readonly string[] = [],
): void {
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
				ips: state.endpoints.flatMap(addresses),
				extra,
			}) + links.join(""),
	);
	write(files.hostname, `${config.hostname}\n`);
	writeResolvConf({ config, state }, files);
}

/** Again when the networks of a container change that runs. */
export function writeResolvConf(
	{ config: { host }, state }: Pick<Container, "config" | "state">,
	files: ContainerPaths,
) {
	const hostNetwork = host.networkMode === "host";
	// The name server of a network asks those of --dns, or the host's.
	const named = state.endpoints.find(({ lease }) => lease?.resolver);
	const resolver = named?.lease?.resolver;
	writeFileSync(
		files.resolvConf,
		renderResolvConf({
			host: hostNetwork ? readText(RESOLV_CONF) : hostResolvConf(),
			servers: resolver ? [formatIpv4(resolver)] : host.dns,
			search: host.dnsSearch,
			options: resolver && host.dnsOptions.length === 0 ? ["ndots:0"] : host.dnsOptions,
			hostNetwork,
		}),
		{ mode: 0o644 },
	);
}

const addresses = ({ lease }: Endpoint): string[] => {
	if (!lease) return [];
	return lease.ip6 ? [formatIpv4(lease.ip), lease.ip6] : [formatIpv4(lease.ip)];
};

const lines = ({ config }: Pick<Container, "config">, endpoint: Endpoint): string =>
	addresses(endpoint)
		.map((ip) => `${ip}\t${ownNames(config)}\n`)
		.join("");

/** What a container may have made of its own file, and we still read. */
const LARGEST_HOSTS = 1 << 20;
const isReadable = (path: string): boolean => (tryStat(path)?.size ?? 0) <= LARGEST_HOSTS;

/** A container that runs may have lines of its own there: they stay. */
export function addToHosts(container: Container, files: ContainerPaths, endpoint: Endpoint): void {
	if (isReadable(files.hosts)) writeFileSync(files.hosts, readText(files.hosts) + lines(container, endpoint));
}

export function removeFromHosts(files: ContainerPaths, endpoint: Endpoint): void {
	const own = addresses(endpoint).map((ip) => `${ip}\t`);
	if (own.length > 0) dropFromHosts(files, (line) => own.some((start) => line.startsWith(start)));
}

/** A line that links.ts made: "address\talias short-id[ name]". */
export function removeLinkFromHosts(files: ContainerPaths, alias: string): void {
	dropFromHosts(files, (line) => {
		const [name, id = ""] = line.split("\t")[1]?.split(" ") ?? [];
		return name === alias && /^[0-9a-f]{12}$/.test(id);
	});
}

function dropFromHosts(files: ContainerPaths, isGone: (line: string) => boolean): void {
	if (!isReadable(files.hosts)) return;
	const kept = readText(files.hosts)
		.split("\n")
		.filter((line) => !isGone(line));
	writeFileSync(files.hosts, kept.join("\n"));
}
