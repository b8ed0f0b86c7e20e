/** The machine's own network: loopback, and one interface to the outside. */
import { writeFileSync } from "node:fs";
import { parseIpv4 } from "../sys/ipv4.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import { Rtnetlink } from "../sys/rtnetlink.ts";
import { RESOLV_CONF, resolverOf } from "./dhcp.ts";
import { LeaseHolder } from "./lease-holder.ts";
import type { Settings, StaticNetwork } from "./settings.ts";

const LOOPBACK = 1;

interface Interface {
	readonly name: string;
	readonly index: number;
	readonly mac: Uint8Array;
}

/** Brings up what there is. A machine without a network, or with a broken one, goes on without. `say` tells it. */
export function configureNetwork(wanted: Settings["network"], hostname: string, say: (text: string) => void): void {
	using rtnetlink = new Rtnetlink();
	rtnetlink.setUp("lo", LOOPBACK);
	if (wanted === "none") return;
	const named = "dhcp" in wanted ? wanted.dhcp : wanted.interface;
	const found = findInterface(rtnetlink, named);
	if (!found) {
		if (named !== undefined) say(`there is no network interface ${named}`);
		return;
	}
	try {
		rtnetlink.setUp(found.name, found.index);
		// The kernel's own ip= may have been there before (CONFIG_IP_PNP), or the machine is up already.
		const isConfigured = () => rtnetlink.networks().some(({ index }) => index === found.index);
		if (!("dhcp" in wanted)) say(configureStatic(rtnetlink, found, wanted));
		else if (!isConfigured())
			new LeaseHolder({ device: found.name, mac: found.mac, hostname }, found.index, say).begin();
	} catch (error) {
		say(`network interface ${found.name}: ${(error as Error).message}`);
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
	const dns = wanted.dns.flatMap((server) => parseIpv4(server) ?? []);
	if (dns.length) writeFileSync(RESOLV_CONF, resolverOf({ dns, domain: "" }));
	addAddress(rtnetlink, name, index, ip, Number(prefix));
	if (wanted.gateway !== undefined) {
		const gateway = parseIpv4(wanted.gateway);
		if (gateway === undefined) throw new Error(`gateway ${wanted.gateway} is not an IPv4 address`);
		rtnetlink.setDefaultRoute(gateway, index);
	}
	return `${name} is ${wanted.address}${wanted.gateway ? ` via ${wanted.gateway}` : ""}`;
}

const EEXIST = 17;

function addAddress(rtnetlink: Rtnetlink, name: string, index: number, ip: number, prefix: number): void {
	try {
		rtnetlink.addAddress(name, index, ip, prefix);
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
	}
}
