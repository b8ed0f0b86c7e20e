/** The machine's own network: loopback, and one interface to the outside. */
import { parseIpv4 } from "../sys/ipv4.ts";
import { NetlinkError } from "../sys/netlink-socket.ts";
import { Rtnetlink } from "../sys/rtnetlink.ts";
import { LeaseHolder } from "./lease-holder.ts";
import { writeResolver } from "./resolver.ts";
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
	const attempt = (action: () => void): void => {
		try {
			action();
		} catch (error) {
			say(`network interface ${found.name}: ${(error as Error).message}`);
		}
	};
	attempt(() => rtnetlink.setUp(found.name, found.index));
	if (!("dhcp" in wanted)) {
		configureStatic(rtnetlink, found, wanted, attempt);
		say(`${found.name} is ${wanted.address}${wanted.gateway ? ` via ${wanted.gateway}` : ""}`);
		return;
	}
	// The kernel's own ip= may have been there before (CONFIG_IP_PNP), or the machine is up already.
	if (rtnetlink.networks().some(({ index }) => index === found.index)) return;
	attempt(() => new LeaseHolder({ device: found.name, mac: found.mac, hostname }, found.index, say).begin());
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

/** Each part by itself: what one of them lacks does not keep the others from being done. */
function configureStatic(
	rtnetlink: Rtnetlink,
	{ name, index }: Interface,
	wanted: StaticNetwork,
	attempt: (action: () => void) => void,
): void {
	attempt(() => {
		const [address = "", prefix = ""] = wanted.address.split("/");
		const ip = parseIpv4(address);
		if (ip === undefined || Number(prefix) > 32)
			throw new Error(`${wanted.address} is not an IPv4 address with its prefix`);
		addAddress(rtnetlink, name, index, ip, Number(prefix));
	});
	attempt(() => {
		if (wanted.gateway === undefined) return;
		const gateway = parseIpv4(wanted.gateway);
		if (gateway === undefined) throw new Error(`gateway ${wanted.gateway} is not an IPv4 address`);
		rtnetlink.setDefaultRoute(gateway, index);
	});
	attempt(() => writeResolver({ dns: wanted.dns.flatMap((server) => parseIpv4(server) ?? []), domain: "" }));
}

const EEXIST = 17;

function addAddress(rtnetlink: Rtnetlink, name: string, index: number, ip: number, prefix: number): void {
	try {
		rtnetlink.addAddress(name, index, ip, prefix);
	} catch (error) {
		if (!(error instanceof NetlinkError) || error.errno !== EEXIST) throw error;
	}
}
