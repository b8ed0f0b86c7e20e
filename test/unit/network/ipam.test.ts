import { expect, test } from "bun:test";
import {
	chooseSubnet,
	formatMac,
	formatSubnet,
	macOf,
	nextAddress,
	overlaps,
	parseMac,
	parseSubnet,
} from "../../../src/network/ipam.ts";
import { formatIpv4, parseIpv4 } from "../../../src/sys/ipv4.ts";

const subnet = (text: string) => parseSubnet(text) ?? { network: 0, prefix: 0 };
const ip = (text: string) => parseIpv4(text) ?? 0;

test("chooseSubnet() takes the first of docker's pools that nothing overlaps", () => {
	expect(formatSubnet(chooseSubnet([]) ?? subnet(""))).toBe("172.17.0.0/16");
	expect(formatSubnet(chooseSubnet([subnet("172.17.5.0/24")]) ?? subnet(""))).toBe("172.18.0.0/16");
	expect(formatSubnet(chooseSubnet([subnet("172.16.0.0/12")]) ?? subnet(""))).toBe("192.168.0.0/20");
	expect(chooseSubnet([subnet("0.0.0.0/0")])).toBeUndefined();
});
test("nextAddress() gives the lowest free one, none of a full subnet", () => {
	const net = subnet("10.0.0.0/29"); // .1 gateway, .2 to .6, .7 broadcast
	const taken = (...last: number[]) => last.map((n) => ip("10.0.0.0") + n);
	expect(formatIpv4(nextAddress(net, []) ?? 0)).toBe("10.0.0.1");
	expect(formatIpv4(nextAddress(net, taken(1, 2, 4)) ?? 0)).toBe("10.0.0.3");
	expect(nextAddress(net, taken(1, 2, 3, 4, 5, 6))).toBeUndefined();
	// of a range: its own first address is one too, those of the whole subnet are not
	expect(formatIpv4(nextAddress(subnet("10.0.0.4/30"), [], net) ?? 0)).toBe("10.0.0.4");
	expect(nextAddress(subnet("10.0.0.4/30"), taken(4, 5, 6), net)).toBeUndefined();
});
test("overlaps() is symmetric and sees containment", () => {
	for (const [a, b, expected] of [
		["10.0.0.0/8", "10.1.0.0/16", true],
		["10.0.0.0/16", "10.1.0.0/16", false],
		["0.0.0.0/0", "1.2.3.4/32", true],
	] as const) {
		expect(overlaps(subnet(a), subnet(b))).toBe(expected);
		expect(overlaps(subnet(b), subnet(a))).toBe(expected);
	}
});
test("addresses and hardware addresses are parsed strictly", () => {
	for (const text of ["1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "", "1.2.3.4 "])
		expect(parseIpv4(text)).toBeUndefined();
	for (const text of ["10.0.0.0/33", "10.0.0.0", "x/8"]) expect(parseSubnet(text)).toBeUndefined();
	expect(formatMac(macOf(ip("172.17.0.2")))).toBe("02:42:ac:11:00:02");
	expect(parseMac("01:00:00:00:00:00")).toBeUndefined(); // multicast
	expect(formatMac(parseMac("92:D0:c6:0a:29:33") ?? new Uint8Array())).toBe("92:d0:c6:0a:29:33");
});
