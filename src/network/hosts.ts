/** The files that tell a container names: /etc/hosts, /etc/hostname, /etc/resolv.conf (hosts(5), resolv.conf(5)). Pure. */

export interface HostsOptions {
	readonly hostname: string;
	readonly domainname: string;
	/** The container's own addresses, one of each of its networks. */
	readonly ips: readonly string[];
	/** "name:ip" */
	readonly extra: readonly string[];
}

const STANDARD = [
	"127.0.0.1\tlocalhost",
	"::1\tlocalhost ip6-localhost ip6-loopback",
	"fe00::0\tip6-localnet",
	"ff00::0\tip6-mcastprefix",
	"ff02::1\tip6-allnodes",
	"ff02::2\tip6-allrouters",
];

/** What a container calls itself; a host name with dots is known by its first part too. */
export function ownNames({ hostname, domainname }: Pick<HostsOptions, "hostname" | "domainname">): string {
	const dot = hostname.indexOf(".");
	if (domainname) return `${hostname}.${domainname} ${hostname}`;
	return dot > 0 ? `${hostname} ${hostname.slice(0, dot)}` : hostname;
}

export function renderHosts(options: HostsOptions): string {
	const own = ownNames(options);
	const extra = options.extra.map((line) => {
		const colon = line.indexOf(":");
		return `${line.slice(colon + 1)}\t${line.slice(0, colon)}`;
	});
	const lines = [...STANDARD, ...extra, ...options.ips.map((ip) => `${ip}\t${own}`)];
	return `${lines.join("\n")}\n`;
}

/** Where name servers are if the host has none that a container can reach. */
const PUBLIC_SERVERS = ["8.8.8.8", "8.8.4.4"];

const isLoopback = (server: string): boolean => server.startsWith("127.") || server === "::1";

export interface ResolvOptions {
	/** The host's own file. */
	readonly host: string;
	readonly servers: readonly string[];
	readonly search: readonly string[];
	readonly options: readonly string[];
	/** Whether the container has the host's loopback: then servers on it are of use. */
	readonly hostNetwork: boolean;
}

/** docker's rules: a copy of the host's without servers on loopback; each kind of --dns flag replaces its lines. */
export function renderResolvConf(o: ResolvOptions): string {
	if (o.hostNetwork && !o.servers.length && !o.search.length && !o.options.length) return o.host;
	const own = parseResolvConf(o.host);
	const reachable = own.servers.filter((server) => o.hostNetwork || !isLoopback(server));
	const servers = o.servers.length ? o.servers : reachable.length ? reachable : PUBLIC_SERVERS;
	const search = o.search.length ? o.search.filter((domain) => domain !== ".") : own.search;
	const options = o.options.length ? o.options : own.options;
	let text = "";
	for (const server of servers) text += `nameserver ${server}\n`;
	if (search.length) text += `search ${search.join(" ")}\n`;
	if (options.length) text += `options ${options.join(" ")}\n`;
	return text;
}

/** Its lines by their keyword; of several `search` the last counts. */
function parseResolvConf(text: string) {
	const servers: string[] = [];
	const options: string[] = [];
	let search: string[] = [];
	for (const line of text.replaceAll("\t", " ").replaceAll("\r", "").split("\n")) {
		const [keyword, ...values] = line.split(" ").filter(Boolean);
		if (keyword === "nameserver" && values[0]) servers.push(values[0]);
		else if (keyword === "options") options.push(...values);
		else if (keyword === "search") search = values;
	}
	return { servers, search, options };
}

/** Whether all its servers are on loopback, as systemd-resolved's stub is: then its other file knows the real ones. */
export function onlyLoopbackServers(text: string): boolean {
	const { servers } = parseResolvConf(text);
	for (const server of servers) if (!isLoopback(server)) return false;
	return servers.length > 0;
}

/** The addresses of its name servers. */
export const serversIn = (text: string): string[] => parseResolvConf(text).servers;
