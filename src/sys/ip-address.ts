/** An address of either family. */
import { formatIpv4, type Ipv4, ipv4Bytes, parseIpv4 } from "./ipv4.ts";
import { formatIpv6, type Ipv6, parseIpv6 } from "./ipv6.ts";

/** IPv4 as a number, IPv6 as its bytes. */
export type IpAddress = Ipv4 | Ipv6;

/** In network order: 4 or 16. */
export const addressBytes = (ip: IpAddress): Uint8Array => (typeof ip === "number" ? ipv4Bytes(ip) : ip);

export const formatAddress = (ip: IpAddress): string => (typeof ip === "number" ? formatIpv4(ip) : formatIpv6(ip));

/** undefined for what is none. */
export const parseAddress = (text: string): IpAddress | undefined =>
	text.includes(":") ? parseIpv6(text) : parseIpv4(text);
