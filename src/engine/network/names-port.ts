/**
 * The port of a network's name server. It is 53; where a server of the host listens there on all addresses, ours has
 * another one of the gateway's, and a rule leads questions to it.
 */
import type { PublishedPort } from "../../network/port-map.ts";
import type { NetworkRecord } from "../../store/networks.ts";
import { numbersIn } from "../../sys/fs.ts";
import { ipv4Bytes } from "../../sys/ipv4.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { subnetOf } from "./subnet.ts";

export const DNS_PORT = 53;

/** Where a network's server notes itself: "pid start-time port". */
export const serverFile = ({ paths }: Engine, network: string): string => `${paths.zones}/${network}/pid`;

/** The port of a server that lives; undefined: none does. */
export function serverPort(engine: Engine, network: string): number | undefined {
	const [pid, started, port] = numbersIn(serverFile(engine, network));
	return pid && startTime(pid) === started ? port : undefined;
}

/** For the rules: none where the server has the port that is asked. */
export function namesPorts(engine: Engine, network: NetworkRecord): PublishedPort[] {
	const port = serverPort(engine, network.id);
	const ip = subnetOf(network)?.gateway;
	if (port === undefined || port === DNS_PORT || ip === undefined) return [];
	const at = ipv4Bytes(ip);
	return (["udp", "tcp"] as const).map((protocol) => ({
		protocol,
		hostIp: at,
		hostPort: DNS_PORT,
		ip: at,
		port,
		isRouted: false,
	}));
}
