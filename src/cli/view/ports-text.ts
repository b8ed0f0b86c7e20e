/** The port column of `ps`: "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 90-92/udp". Pure. */
import type { PortMapping } from "../../store/endpoint-record.ts";

interface Shown {
	readonly protocol: string;
	readonly port: number;
	/** "": not published. */
	readonly hostIp: string;
	readonly hostPort: number;
}

/**
 * docker's rule: neighbours are joined where they are not published, or have the same number on the host; those with
 * another number come last, each by itself.
 */
export function portsText(exposed: readonly string[], all: readonly PortMapping[]): string {
	const ports = all.filter(isOfHost);
	const published = new Set(ports.map(({ port, protocol }) => `${port}/${protocol}`));
	const alone = exposed
		.filter((text) => !published.has(text))
		.map((text) => ({
			protocol: text.split("/")[1] ?? "tcp",
			port: Number.parseInt(text, 10),
			hostIp: "",
			hostPort: 0,
		}));
	const joined: string[] = [];
	const single: string[] = [];
	const open = new Map<string, { first: number; last: number }>();
	for (const { protocol, port, hostIp, hostPort } of [...alone, ...ports].sort(inOrder)) {
		if (hostIp && hostPort !== port) {
			single.push(`${addressText(hostIp)}:${hostPort}->${port}/${protocol}`);
			continue;
		}
		const key = `${hostIp}/${protocol}`;
		const range = open.get(key);
		if (range?.last === port - 1) {
			range.last = port;
			continue;
		}
		if (range) joined.push(rangeText(key, range));
		open.set(key, { first: port, last: port });
	}
	for (const [key, range] of open) joined.push(rangeText(key, range));
	return [...joined, ...single].join(", ");
}

const inOrder = (a: Shown, b: Shown): number =>
	a.port - b.port || order(a.hostIp, b.hostIp) || a.hostPort - b.hostPort || order(a.protocol, b.protocol);
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function rangeText(key: string, { first, last }: { first: number; last: number }): string {
	const [ip = "", protocol] = key.split("/");
	const ports = first === last ? `${first}` : `${first}-${last}`;
	return ip ? `${addressText(ip)}:${ports}->${ports}/${protocol}` : `${ports}/${protocol}`;
}

/** "::" → "[::]" */
export const addressText = (ip: string): string => (ip.includes(":") ? `[${ip}]` : ip);

/** For a list: by the container's port, then the host's address. */
export const sortedPorts = (ports: readonly PortMapping[]): PortMapping[] => ports.filter(isOfHost).toSorted(inOrder);

/** Others are reached by the container's own address (docker's gateway mode "routed"). */
const isOfHost = ({ hostPort }: PortMapping): boolean => hostPort !== 0;
