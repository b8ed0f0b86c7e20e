/** The machine's resolv.conf(5). */
import { mkdirSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { formatIpv4, type Ipv4 } from "../sys/ipv4.ts";

const RESOLV_CONF = "/etc/resolv.conf";

export interface Resolver {
	readonly dns: readonly Ipv4[];
	/** Empty: none. */
	readonly domain: string;
}

const textOf = ({ dns, domain }: Resolver): string =>
	[...(domain ? [`search ${domain}`] : []), ...dns.map((ip) => `nameserver ${formatIpv4(ip)}`)]
		.map((line) => `${line}\n`)
		.join("");

/** Writes it, also where it is a link to what some other program would have made by now. Without servers it stays. */
export function writeResolver(resolver: Resolver): void {
	if (resolver.dns.length === 0) return;
	try {
		writeFileSync(RESOLV_CONF, textOf(resolver));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		const target = resolve(dirname(RESOLV_CONF), linkOf(RESOLV_CONF));
		mkdirSync(dirname(target), { recursive: true });
		writeFileSync(RESOLV_CONF, textOf(resolver));
	}
}

/** Where the link points; the path itself when it is none. */
function linkOf(path: string): string {
	try {
		return readlinkSync(path);
	} catch {
		return path;
	}
}
