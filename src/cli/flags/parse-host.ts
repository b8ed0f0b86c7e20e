/** `--add-host`, `--device`, `--sysctl`: docker's grammar. Pure; throws Error with docker's reason. */
import { parseIpv4 } from "../../sys/ipv4.ts";

/** IPv4 as we parse it, IPv6 as URLs have it; node:net would know too, and takes 1.5 ms to load. */
const isAddress = (text: string): boolean =>
	parseIpv4(text) !== undefined || (text.includes(":") && URL.canParse(`http://[${text}]/`));

/** A name server. */
export function parseDns(text: string): string {
	if (isAddress(text)) return text;
	throw new Error(`IP address is not correctly formatted: ${text}`);
}

const DOMAIN = /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*\.?$/;

/** A domain for look-ups; "." for none. */
export function parseDnsSearch(text: string): string {
	const domain = text.trim();
	if (domain === "." || (domain.length < 255 && DOMAIN.test(domain))) return domain;
	throw new Error(`${text} is not a valid domain`);
}

/** "name:ip", "name=ip", "name:host-gateway" → "name:ip" */
export function parseExtraHost(text: string): string {
	const match = /^([^:=]+)[:=](.+)$/.exec(text);
	const [, name = "", address = ""] = match ?? [];
	const ip = address.replace(/^\[(.*)\]$/, "$1");
	if (!match || /\s/.test(name)) throw new Error(`bad format for add-host: "${text}"`);
	if (ip !== "host-gateway" && !isAddress(ip)) throw new Error(`invalid IP address in add-host: "${ip}"`);
	return `${name}:${ip}`;
}

/** "HOST[:CONTAINER[:rwm]]" */
export function parseDevice(text: string): { host: string; container: string; permissions: string } {
	const [host = "", second, third, ...more] = text.split(":");
	const isMode = (word: string | undefined) => word !== undefined && /^[rwm]{1,3}$/.test(word);
	if (more.length || !host.startsWith("/")) throw new Error(`invalid device specification: ${text}`);
	if (second !== undefined && third === undefined && isMode(second)) {
		return { host, container: host, permissions: second };
	}
	if (third !== undefined && !isMode(third)) throw new Error(`invalid device mode: ${third}`);
	return { host, container: second || host, permissions: third ?? "rwm" };
}

/** Those that belong to the container's IPC or network namespace; others would be the host's. */
export function parseSysctl(text: string): readonly [name: string, value: string] {
	const equals = text.indexOf("=");
	const name = text.slice(0, Math.max(equals, 0));
	const allowed =
		/^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\.[\w.]+|net\.[\w.:/-]+)$/.test(
			name,
		) && !name.includes("..");
	if (!allowed) throw new Error(`sysctl '${text}' is not allowed`);
	return [name, text.slice(equals + 1)];
}
