/** DHCP messages (RFC 2131, options RFC 2132): bytes ↔ what they say. Pure. */
import type { Ipv4 } from "../sys/ipv4.ts";

export const DHCP = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6 } as const;

const BOOTREQUEST = 1;
const ETHERNET = 1;
const MAGIC = 0x63825363;
const FIXED = 240;
const BROADCAST = 0x8000;
const OPTION = {
	pad: 0,
	netmask: 1,
	router: 3,
	dns: 6,
	hostname: 12,
	domain: 15,
	requested: 50,
	lease: 51,
	type: 53,
	server: 54,
	wanted: 55,
	end: 255,
} as const;

export interface DhcpRequest {
	readonly type: number;
	/** The same in the answers. */
	readonly transaction: number;
	readonly mac: Uint8Array;
	readonly hostname: string;
	/** The address that was offered, and who offered it. */
	readonly requested?: Ipv4;
	readonly server?: Ipv4;
	/** The address that is in use already, when its lease is prolonged. */
	readonly current?: Ipv4;
}

const address = (ip: Ipv4): number[] => [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255];

export function encodeDhcp(request: DhcpRequest): Uint8Array {
	const option = (code: number, bytes: readonly number[]) => [code, bytes.length, ...bytes];
	const options = [
		...option(OPTION.type, [request.type]),
		...(request.requested === undefined ? [] : option(OPTION.requested, address(request.requested))),
		...(request.server === undefined ? [] : option(OPTION.server, address(request.server))),
		...option(OPTION.hostname, [...Buffer.from(request.hostname).subarray(0, 63)]),
		...option(OPTION.wanted, [OPTION.netmask, OPTION.router, OPTION.dns, OPTION.domain, OPTION.lease]),
		OPTION.end,
	];
	const view = new DataView(new ArrayBuffer(Math.max(300, FIXED + options.length)));
	view.setUint8(0, BOOTREQUEST);
	view.setUint8(1, ETHERNET);
	view.setUint8(2, request.mac.length);
	view.setUint32(4, request.transaction);
	// Without an address nothing can be sent to us but by broadcast.
	view.setUint16(10, request.current === undefined ? BROADCAST : 0);
	view.setUint32(12, request.current ?? 0);
	view.setUint32(236, MAGIC);
	const bytes = new Uint8Array(view.buffer);
	bytes.set(request.mac.subarray(0, 16), 28);
	bytes.set(options, FIXED);
	return bytes;
}

export interface DhcpAnswer {
	readonly type: number;
	readonly transaction: number;
	readonly mac: Uint8Array;
	/** The address for us. */
	readonly ip: Ipv4;
	readonly server: Ipv4 | undefined;
	readonly prefix: number;
	readonly gateway: Ipv4 | undefined;
	readonly dns: readonly Ipv4[];
	readonly domain: string;
	/** Seconds. */
	readonly lease: number;
}

const DAY_S = 24 * 60 * 60;

/** undefined: not a DHCP answer. Everything in it is checked: whoever is on the network may have sent it. */
export function decodeDhcp(bytes: Uint8Array): DhcpAnswer | undefined {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (bytes.length < FIXED || view.getUint8(0) === BOOTREQUEST || view.getUint32(236) !== MAGIC) return undefined;
	const options = decodeOptions(bytes.subarray(FIXED));
	const addresses = (code: number): Ipv4[] => {
		const found = options.get(code) ?? new Uint8Array();
		const words = new DataView(found.buffer, found.byteOffset, found.byteLength);
		return Array.from({ length: Math.trunc(found.length / 4) }, (_, i) => words.getUint32(4 * i));
	};
	const type = options.get(OPTION.type)?.[0];
	const ip = view.getUint32(16);
	if (type === undefined || (ip === 0 && type !== DHCP.nak)) return undefined;
	const netmask = addresses(OPTION.netmask)[0] ?? 0xffffff00;
	const lease = addresses(OPTION.lease)[0] ?? DAY_S;
	return {
		type,
		transaction: view.getUint32(4),
		mac: bytes.slice(28, 28 + Math.min(view.getUint8(2), 16)),
		ip,
		server: addresses(OPTION.server)[0],
		prefix: prefixOf(netmask),
		gateway: addresses(OPTION.router)[0],
		dns: addresses(OPTION.dns).slice(0, 3),
		domain: domainOf(options.get(OPTION.domain)),
		lease,
	};
}

function decodeOptions(bytes: Uint8Array): Map<number, Uint8Array> {
	const options = new Map<number, Uint8Array>();
	for (let at = 0; at < bytes.length; ) {
		const code = bytes[at] ?? OPTION.end;
		if (code === OPTION.end) break;
		if (code === OPTION.pad) {
			at++;
			continue;
		}
		const length = bytes[at + 1] ?? 0;
		if (at + 2 + length > bytes.length) break;
		options.set(code, bytes.slice(at + 2, at + 2 + length));
		at += 2 + length;
	}
	return options;
}

/** A netmask with holes is no netmask: the bits before the first hole count. */
const prefixOf = (netmask: number): number => Math.clz32(~netmask);

/** It goes into resolv.conf: only what a name can hold. */
function domainOf(bytes: Uint8Array | undefined): string {
	const text = Buffer.from(bytes ?? [])
		.toString("latin1")
		.replace(/\0+$/, "");
	return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text) ? text : "";
}
