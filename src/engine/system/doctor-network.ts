/** What a host has and lacks for networks. */
import { canSetSysctl, sysctl } from "../../network/sysctl.ts";
import { SyscallError } from "../../sys/errno.ts";
import { existsSync } from "../../sys/fs.ts";
import { legacyForward } from "../../sys/legacy-iptables.ts";
import { listChains } from "../../sys/nf-chains.ts";
import { NF_DROP, NfTables } from "../../sys/nf-tables.ts";
import { Rtnetlink } from "../../sys/rtnetlink.ts";
import { type Diagnosis, missing, there } from "./diagnosis.ts";

export function network(): Diagnosis[] {
	using rtnetlink = new Rtnetlink();
	const isIpv6 = existsSync("/proc/net/if_inet6");
	const forwards = sysctl("ipv4/ip_forward") === "1" || canSetSysctl("ipv4/ip_forward", "1");
	return [
		hasTables()
			? there("nf_tables", "networks are kept apart, ports are published")
			: missing(
					"nf_tables",
					"published ports go through a proxy, and networks are not kept apart",
					"modprobe nf_tables (CONFIG_NF_TABLES)",
				),
		forwards
			? there("forwarding", "containers reach the outside")
			: missing(
					"forwarding",
					"containers reach each other and this host, not the outside",
					"sysctl -w net.ipv4.ip_forward=1, on the host",
				),
		rtnetlink.hasDefaultRoute()
			? there("way out", "a default route")
			: missing(
					"way out",
					"images cannot be pulled, and containers do not reach the outside",
					"ip route add default via ADDRESS",
				),
		isIpv6
			? there("IPv6", "network create --ipv6")
			: missing("IPv6", "network create --ipv6 does not work", "a kernel with CONFIG_IPV6, without ipv6.disable=1"),
	];
}

function hasTables(): boolean {
	try {
		using tables = new NfTables();
		tables.generation();
		return true;
	} catch (error) {
		if (error instanceof SyscallError) return false;
		throw error;
	}
}

/** Those that drop what they do not know: our rules go before theirs where they can (network/foreign-rules.ts). */
export function firewalls(): Diagnosis[] {
	const found = [...new Set(droppingChains())];
	const legacy = legacyForward();
	return [
		...(found.length ? [there("other firewalls", `${found.join(", ")}: our rules go before theirs`)] : []),
		...(legacy
			? [
					missing(
						"iptables-legacy",
						"drops what is forwarded, and cannot be told by others",
						"iptables-legacy -P FORWARD ACCEPT, or a rule for each bridge",
					),
				]
			: []),
	];
}

function droppingChains(): string[] {
	try {
		return listChains().flatMap(({ family, table, name, hook, policy }) =>
			hook === "forward" && policy === NF_DROP
				? [`${family === 10 ? "ip6" : family === 2 ? "ip" : "inet"} ${table} ${name}`]
				: [],
		);
	} catch (error) {
		if (error instanceof SyscallError) return [];
		throw error;
	}
}
