/** The machine's own network: loopback, and one interface to the outside. */
import { writeFileSync } from "node:fs";
import { NetlinkError } from "../sys/netlink-socket.ts";
import { formatIpv4, parseIpv4, Rtnetlink } from "../sys/rtnetlink.ts";
import { acquireLease, type Client, type Lease, renewLease, resolverOf } from "./dhcp.ts";
import type { Settings, StaticNetwork } from "./settings.ts";

const LOOPBACK = 1;
const RESOLV_CONF = "/etc/resolv.conf";

interface Interface {
	readonly name: string;
	readonly index: number;
	readonly mac: Uint8Array;
}

export interface Configured {
	/** What was done, for the console. */
	readonly said: readonly string[];
	readonly problems: readonly string[];
}

/** Brings up what there is. A machine without a network, or with a broken one, goes on without. */
export function configureNetwork(wanted: Settings["network"], hostname: string): Configured {
	using rtnetlink = new Rtnetlink();
	rtnetlink.setUp("lo", LOOPBACK);
	if (wanted === "none") return { said: [], problems: [] };
	const named = "dhcp" in wanted ? wanted.dhcp : wanted.interface;
	const found = findInterface(rtnetlink, named);
	if (!found) {
		const problem = named === undefined ? [] : [`there is no network interface ${named}`];
		return { said: [], problems: problem };
	}
	try {
		rtnetlink.setUp(found.name, found.index);
		if (!("dhcp" in wanted)) return { said: [configureStatic(rtnetlink, found, wanted)], problems: [] };
		// The kernel's own ip= may have been there before (CONFIG_IP_PNP), or the machine is up already.
		if (rtnetlink.networks().some(({ index }) => index === found.index)) return { said: [], problems: [] };
		const client: Client = { device: found.name, mac: found.mac, hostname };
		const lease = acquireLease(client);
		if (!lease) return { said: [], problems: [`no DHCP server answers on ${found.name}: going on without a network`] };
		renewInTime(client, lease);
		return { said: [applyLease(rtnetlink, found, lease)], problems: [] };
	} catch (error) {
		return { said: [], problems: [`network interface ${found.name}: ${(error as Error).message}`] };
	}
}

/** The one of that name, or the first Ethernet. */
function findInterface(rtnetlink: Rtnetlink, name: string | undefined): Interface | undefined {
	for (const link of rtnetlink.links()) {
		if (link.index === LOOPBACK || (name !== undefined && link.name !== name)) continue;
		const mac = rtnetlink.ethernetAddress(link.index);
		if (mac) return { ...link, mac };
	}
	return undefined;
}

function configureStatic(rtnetlink: Rtnetlink, { name, index }: Interface, wanted: StaticNetwork): string {
	const [address = "", prefix = ""] = wanted.address.split("/");
	const ip = parseIpv4(address);
	if (ip === undefined || Number(prefix) > 32)
		throw new Error(`${wanted.address} is not an IPv4 address with its prefix`);
	addAddress(rtnetlink, name, index, ip, Number(prefix));
	if (wanted.gateway !== undefined) {
		const gateway = parseIpv4(wanted.gateway);
		if (gateway === undefined) throw new Error(`gateway ${wanted.gateway} is not an IPv4 address`);
		rtnetlink.addDefaultRoute(gateway);
	}
	const dns = wanted.dns.flatMap((server) => parseIpv4(server) ?? []);
	if (dns.length) writeFileSync(RESOLV_CONF, resolverOf({ dns, domain: "" }));
	return `${name} is ${wanted.address}${wanted.gateway ? ` via ${wanted.gateway}` : ""}`;
}

function applyLease(rtnetlink: Rtnetlink, { name, index }: Interface, lease: Lease): string {
	addAddress(rtnetlink, name, index, lease.ip, lease.prefix);
	if (lease.gateway !== undefined) rtnetlink.addDefaultRoute(lease.gateway);
	if (lease.dns.length) writeFileSync(RESOLV_CONF, resolverOf(lease));
	const via = lease.gateway === undefined ? "" : ` via ${formatIpv4(lease.gateway)}`;
	return `${name} is ${formatIpv4(lease.ip)}/${lease.prefix}${via} (DHCP, ${lease.seconds} s)`;
}

const EEXIST = 17;

function addAddress(rtnetlink: Rtnetlink, name: string, index: number, ip: number, prefix: number): void {
	try {
		rtnetlink.addAddress(name, index, ip, prefix);
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
	}
}

const LONGEST_TIMER_S = 2_000_000; // setTimeout counts in 31 bits of milliseconds
const RETRY_S = 60;

/** At half its time a lease is prolonged (RFC 2131, 4.4.5: T1); refused or unanswered, it is asked for again. */
function renewInTime(client: Client, lease: Lease, inSeconds = lease.seconds / 2): void {
	const timer = setTimeout(
		() => {
			let renewed: Lease | undefined;
			try {
				renewed = renewLease(client, lease);
			} catch {
				// The link is down: the next attempt may find it up.
			}
			renewInTime(client, renewed ?? lease, renewed ? undefined : RETRY_S);
		},
		1000 * Math.min(Math.max(inSeconds, 1), LONGEST_TIMER_S),
	);
	timer.unref();
}
