import { expect, test } from "bun:test";
import { parseIpv4 } from "../../../src/sys/ipv4.ts";
import {
	decodeAttributes,
	decodeMessages,
	decodeString,
	encodeAttributes,
	encodeMessage,
	u32,
} from "../../../src/sys/netlink-message.ts";
import { addressMessage, linkUpMessage } from "../../../src/sys/rtnetlink-message.ts";

test("attributes are padded to four bytes, nested ones carry the flag", () => {
	const bytes = encodeAttributes([
		[3, "eth0"],
		[18, [[1, "veth"]]],
	]);
	expect(bytes.length % 4).toBe(0);
	const decoded = decodeAttributes(bytes);
	expect(decodeString(decoded.get(3) ?? new Uint8Array())).toBe("eth0");
	expect(decodeString(decodeAttributes(decoded.get(18) ?? new Uint8Array()).get(1) ?? new Uint8Array())).toBe("veth");
});
test("messages in one buffer are split, a length that lies ends the list", () => {
	const one = encodeMessage(16, 0, new Uint8Array(16), [[4, u32(1500)]]);
	const two = Buffer.concat([one, linkUpMessage(1)]);
	expect(decodeMessages(two).map((message) => message.type)).toEqual([16, 19]);
	new DataView(two.buffer, two.byteOffset).setUint32(one.length, 100_000, true);
	expect(decodeMessages(two)).toHaveLength(1);
});
test("an address message is what `ip addr add` sends", () => {
	const bytes = addressMessage(2, parseIpv4("172.17.0.2") ?? 0, 16);
	expect(Buffer.from(bytes.subarray(16)).toString("hex")).toBe(
		"0210000002000000" + "08000200ac110002" + "08000100ac110002" + "08000400ac11ffff",
	);
});
test("decoding random bytes never throws", () => {
	for (let round = 0; round < 2000; round++) {
		const bytes = crypto.getRandomValues(new Uint8Array(round % 200));
		for (const message of decodeMessages(bytes)) decodeAttributes(message.payload);
		decodeAttributes(bytes);
	}
});
