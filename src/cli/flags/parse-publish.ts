/** `-p`, `--expose`: docker's grammar of ports → bindings. Pure; throws Error with docker's reason. */
import type { HostConfig } from "../../store/container-record.ts";
import { parseIpv4 } from "../../sys/ipv4.ts";
import { formatIpv6, parseIpv6 } from "../../sys/ipv6.ts";
import { parseCsv } from "./parse-csv.ts";

export type PortBinding = HostConfig["portBindings"][number];
type Protocol = PortBinding["protocol"];

const MAX_PORT = 65535;

/** "[[IP:][HOST[-HOST]]:]PORT[-PORT][/PROTO]", or "target=80,published=8080,protocol=tcp". */
export function parsePublish(text: string): PortBinding[] {
	if (/^\w+=/.test(text)) return parseLong(text);
	const slash = text.lastIndexOf("/");
	const protocol = parseProtocol(slash < 0 ? "tcp" : text.slice(slash + 1));
	const { ip, host, container } = split(slash < 0 ? text : text.slice(0, slash));
	if (container === "") throw new Error(`no port specified: ${text}<empty>`);
	const ports = parseRange(container, "containerPort");
	const hostPorts = host === "" ? undefined : parseRange(host, "hostPort");
	return pair({ protocol, hostIp: parseHostIp(ip) }, ports, hostPorts, text);
}

/** The last two fields are ports; what is before them is an address, which may hold colons of its own. */
function split(text: string): { ip: string; host: string; container: string } {
	const last = text.lastIndexOf(":");
	if (last < 0) return { ip: "", host: "", container: text };
	const container = text.slice(last + 1);
	const before = text.slice(0, last);
	const middle = before.lastIndexOf(":");
	if (middle < 0) return { ip: "", host: before, container };
	return { ip: before.slice(0, middle), host: before.slice(middle + 1), container };
}

/** "" for all addresses. */
function parseHostIp(text: string): string {
	const ip = text.replace(/^\[(.*)\]$/, "$1");
	if (ip === "" || parseIpv4(ip) !== undefined) return ip;
	const v6 = parseIpv6(ip);
	if (!v6) throw new Error(`invalid IP address: ${ip}`);
	return formatIpv6(v6);
}

function parseProtocol(text: string): Protocol {
	const name = text.toLowerCase();
	if (name === "tcp" || name === "udp" || name === "sctp") return name;
	throw new Error(`invalid proto: ${text}`);
}

interface Range {
	readonly first: number;
	readonly last: number;
}

/** "80", "80-90"; 0 is any port of the host. */
function parseRange(text: string, what: "containerPort" | "hostPort"): Range {
	const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text);
	const first = Number(match?.[1]);
	const last = Number(match?.[2] ?? match?.[1]);
	const least = what === "hostPort" ? 0 : 1;
	if (!match || first < least || last > MAX_PORT || last < first) throw new Error(`invalid ${what}: ${text}`);
	return { first, last };
}

const lengthOf = ({ first, last }: Range): number => last - first + 1;

/** Ranges of one length go one to one; one port of the container takes the first free one of a range. */
function pair(
	to: { readonly protocol: Protocol; readonly hostIp: string },
	ports: Range,
	hostPorts: Range | undefined,
	text: string,
): PortBinding[] {
	if (hostPorts && lengthOf(hostPorts) !== lengthOf(ports)) {
		if (lengthOf(ports) !== 1) {
			throw new Error(`invalid ranges specified for container and host Ports: ${text}`);
		}
		return [{ ...to, port: ports.first, hostPort: `${hostPorts.first}-${hostPorts.last}` }];
	}
	return Array.from({ length: lengthOf(ports) }, (_, i) => ({
		...to,
		port: ports.first + i,
		hostPort: hostPorts && hostPorts.first + i > 0 ? String(hostPorts.first + i) : "",
	}));
}

function parseLong(text: string): PortBinding[] {
	const found: Record<string, string> = { protocol: "tcp" };
	for (const field of parseCsv(text)) {
		const [key = "", value = ""] = field.split("=", 2);
		const name = { src: "published", dst: "target" }[key] ?? key;
		if (!["published", "target", "protocol", "mode"].includes(name)) throw new Error(`invalid field key ${key}`);
		if (name === "mode" && value !== "ingress" && value !== "host")
			throw new Error(`invalid publish mode value (${value})`);
		found[name] = value;
	}
	const { protocol = "", target, published } = found;
	if (target === undefined) throw new Error(`missing mandatory field "target"`);
	const hostPorts = published ? parseRange(published, "hostPort") : undefined;
	return pair({ protocol: parseProtocol(protocol), hostIp: "" }, parseRange(target, "containerPort"), hostPorts, text);
}

/** "80", "80/udp", "8000-8010/tcp" → each with its protocol. */
export function parseExpose(text: string): string[] {
	const slash = text.indexOf("/");
	const protocol = parseProtocol(slash < 0 ? "tcp" : text.slice(slash + 1));
	let range: Range;
	try {
		range = parseRange(slash < 0 ? text : text.slice(0, slash), "containerPort");
	} catch {
		throw new Error(`invalid range format for --expose: ${text}`);
	}
	return Array.from({ length: lengthOf(range) }, (_, i) => `${range.first + i}/${protocol}`);
}
