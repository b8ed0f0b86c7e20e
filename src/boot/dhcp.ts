/** Asking the network for an address (RFC 2131): discover → offer → request → ack. */

import type { Ipv4 } from "../sys/ipv4.ts";
import { randomBytes } from "../sys/random.ts";
import { BroadcastSocket } from "../sys/udp-broadcast.ts";
import { DHCP, type DhcpAnswer, decodeDhcp, encodeDhcp } from "./dhcp-message.ts";

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
/** The first answer is waited for so long, the next twice as long: a link may need a moment to come up. */
const FIRST_WAIT_MS = 500;
const ATTEMPTS = 5;

export interface Lease {
	readonly ip: Ipv4;
	readonly prefix: number;
	readonly gateway: Ipv4 | undefined;
	readonly dns: readonly Ipv4[];
	readonly domain: string;
	/** Seconds. */
	readonly seconds: number;
	readonly server: Ipv4;
}

export interface Client {
	readonly device: string;
	readonly mac: Uint8Array;
	readonly hostname: string;
}

const newTransaction = (): number => new DataView(randomBytes(4).buffer).getUint32(0);

/**
 * Gets a lease; undefined when nobody answers. Blocks for as long as that takes: where there is nobody, half a second
 * with one attempt and 15 with the usual five; twice that where what is offered is not given.
 */
export function acquireLease(client: Client, attempts = ATTEMPTS): Lease | undefined {
	using socket = new BroadcastSocket(client.device, CLIENT_PORT);
	const transaction = newTransaction();
	let wait = FIRST_WAIT_MS;
	for (let attempt = 0; attempt < attempts; attempt++, wait *= 2) {
		const { mac, hostname } = client;
		socket.send(encodeDhcp({ type: DHCP.discover, transaction, mac, hostname }), SERVER_PORT);
		const offer = answerTo(socket, client, transaction, [DHCP.offer], wait);
		if (!offer?.server) continue;
		const { ip: requested, server } = offer;
		socket.send(encodeDhcp({ type: DHCP.request, transaction, mac, hostname, requested, server }), SERVER_PORT);
		const answer = answerTo(socket, client, transaction, [DHCP.ack, DHCP.nak], wait);
		if (answer?.type === DHCP.ack) return leaseOf(answer, server);
	}
	return undefined;
}

/**
 * Asks for more time: who gave the lease or, with `anybody`, whoever hears it. "refused": it must not be used any more;
 * undefined: nobody answers.
 */
export function renewLease(client: Client, lease: Lease, anybody: boolean): Lease | "refused" | undefined {
	using socket = new BroadcastSocket(client.device, CLIENT_PORT);
	const transaction = newTransaction();
	const { mac, hostname } = client;
	const request = encodeDhcp({ type: DHCP.request, transaction, mac, hostname, current: lease.ip });
	socket.send(request, SERVER_PORT, anybody ? undefined : lease.server);
	const answer = answerTo(socket, client, transaction, [DHCP.ack, DHCP.nak], FIRST_WAIT_MS);
	if (!answer) return undefined;
	return answer.type === DHCP.ack && answer.ip === lease.ip ? leaseOf(answer, lease.server) : "refused";
}

function answerTo(
	socket: BroadcastSocket,
	{ mac }: Client,
	transaction: number,
	types: readonly number[],
	waitMs: number,
): DhcpAnswer | undefined {
	const deadline = performance.now() + waitMs;
	for (let left = waitMs; left > 0; left = deadline - performance.now()) {
		const bytes = socket.receive(Math.ceil(left));
		const answer = bytes && decodeDhcp(bytes);
		if (answer?.transaction !== transaction || !types.includes(answer.type)) continue;
		if (Buffer.compare(answer.mac, mac) === 0) return answer;
	}
	return undefined;
}

const leaseOf = (answer: DhcpAnswer, server: Ipv4): Lease => ({
	ip: answer.ip,
	prefix: answer.prefix,
	gateway: answer.gateway,
	dns: answer.dns,
	domain: answer.domain,
	seconds: answer.lease,
	server: answer.server ?? server,
});
