import { describe, expect, test } from "bun:test";
import { DHCP, decodeDhcp, encodeDhcp } from "../../../src/boot/dhcp-message.ts";
import { loadOrder, moduleName, parseModulesDep, unpacked } from "../../../src/boot/modules.ts";
import { parseIpParameter, readSettings } from "../../../src/boot/settings.ts";
import { kernelParameters, splitWords } from "../../../src/boot/words.ts";
import { formatIpv4, parseIpv4 } from "../../../src/sys/ipv4.ts";

describe("words", () => {
	test("quotes keep blanks, wherever they stand", () => {
		expect(splitWords(`a  'b c' d"e f"g \\"h 'i\\j' ''`)).toEqual(["a", "b c", "de fg", '"h', "i\\j", ""]);
		expect(() => splitWords("a 'b")).toThrow("not closed");
	});
	test("the kernel's own rule", () => {
		expect(kernelParameters(`quiet a.b="c 'd e'" x=y=z "n=1 2" -- not=mine`)).toEqual([
			...[["quiet", ""] as [string, string], ["a.b", "c 'd e'"] as [string, string]],
			...[["x", "y=z"] as [string, string], ["n", "1 2"] as [string, string]],
		]);
	});
});

describe("settings", () => {
	test("of the command line", () => {
		const line = `console=ttyS0 nanocontainer.run="--name web busybox sh -c 'a b'" nanocontainer.run=x nanocontainer.when-ended=poweroff nanocontainer.console ip=off`;
		const settings = readSettings(line, undefined);
		expect(settings.containers).toEqual([
			{ run: ["--name", "web", "busybox", "sh", "-c", "a b"], whenEnded: "poweroff" },
			{ run: ["x"], whenEnded: "poweroff" },
		]);
		expect(settings.console).toEqual(["nanocontainer/busybox", "sh"]);
		expect([settings.network, settings.mistakes]).toEqual(["none", []]);
	});
	test("of the document, with the command line's after them", () => {
		const document = { hostname: "a", containers: [{ run: "one 'two three'", whenEnded: "restart" }], console: ["x"] };
		const settings = readSettings("nanocontainer.hostname=b nanocontainer.run=last", JSON.stringify(document));
		expect(settings.hostname).toBe("b");
		expect(settings.containers.map(({ run }) => run)).toEqual([["one", "two three"], ["last"]]);
		expect(settings.console).toEqual(["x"]);
	});
	test("each mistake is a sentence, and costs no more than itself", () => {
		const lines = readSettings(`nanocontainer.rum=x nanocontainer.run="'" nanocontainer.when-ended=never`, "{");
		expect(lines.mistakes.length).toBe(4);
		const document = {
			containers: [{ run: "a", whenEnded: "often" }, { run: "'open" }, { run: "good one" }, 7],
			hostname: 3,
			disk: "/dev/vdb",
			images: "not a list",
			toString: "x",
		};
		const settings = readSettings("", JSON.stringify(document));
		expect(settings).toMatchObject({ hostname: undefined, disk: "/dev/vdb", images: [] });
		expect(settings.containers).toEqual([{ run: ["good", "one"], whenEnded: "nothing" }]);
		expect(settings.mistakes.map((text) => text.split(": ", 2)[1])).toEqual([
			...["containers.0.whenEnded", "containers.1", "containers.3", "hostname", "images", "toString"],
		]);
		expect(readSettings("", "[]").mistakes).toEqual(["boot.json must be an object"]);
	});
	test("ip=", () => {
		const of = (text: string) => parseIpParameter(text);
		expect(of("dhcp")).toEqual({ dhcp: undefined });
		expect(of(":::::eth1:dhcp")).toEqual({ dhcp: "eth1" });
		expect(of("10.0.0.2::10.0.0.1:255.255.252.0:name:eth0:off:9.9.9.9:")).toEqual({
			...{ interface: "eth0", address: "10.0.0.2/22", gateway: "10.0.0.1", dns: ["9.9.9.9"] },
		});
		expect(of("off")).toBe("none");
		expect(() => of("10.0.0.2:::255.0.255.0")).toThrow("is not a netmask");
	});
});

describe("modules", () => {
	const dep = "kernel/a-b.ko.xz: kernel/c.ko kernel/d.ko.zst\nkernel/c.ko: kernel/d.ko.zst\nkernel/d.ko.zst:\n";
	test("each comes after what it needs", () => {
		expect(loadOrder(parseModulesDep(dep), ["a_b", "not_there"])).toEqual(["d", "c", "a_b"]);
	});
	test("a circle of needs ends", () => {
		expect(loadOrder(parseModulesDep("a.ko: b.ko\nb.ko: a.ko\n"), ["a"])).toEqual(["b", "a"]);
	});
	test("names", () => {
		expect(["kernel/x/nf-tables.ko", "y.ko.gz", "z.ko.xz"].map(moduleName)).toEqual(["nf_tables", "y", "z"]);
	});
	test("compressed ones: whole, cut off, damaged", async () => {
		const text = "module ".repeat(20_000);
		for (const program of [
			["xz", "--check=crc32", "-c"],
			["bzip2", "-c"],
			["gzip", "-c"],
		]) {
			const packed = new Uint8Array(Bun.spawnSync(program, { stdin: Buffer.from(text) }).stdout);
			expect(Buffer.from(await unpacked(packed)).toString()).toBe(text);
			expect(unpacked(packed.subarray(0, packed.length - 40))).rejects.toThrow("corrupt");
			const damaged = packed.slice();
			damaged[40] = (damaged[40] ?? 0) ^ 0xff;
			expect(unpacked(damaged)).rejects.toThrow("corrupt");
		}
	});
});

describe("DHCP", () => {
	const mac = new Uint8Array([2, 0, 0, 1, 2, 3]);
	const request = encodeDhcp({ type: DHCP.discover, transaction: 7, mac, hostname: "box" });

	/** What a server would answer. */
	function answer(options: readonly number[]): Uint8Array {
		const bytes = new Uint8Array(240 + options.length);
		bytes.set(request.subarray(0, 240));
		bytes[0] = 2;
		bytes.set([10, 0, 2, 15], 16);
		bytes.set(options, 240);
		return bytes;
	}
	const GOOD = [53, 1, 2, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 8, 9, 9, 9, 9, 1, 1, 1, 1, 51, 4, 0, 0, 14, 16];
	test("an offer", () => {
		const read = decodeDhcp(answer([...GOOD, 54, 4, 10, 0, 2, 2, 15, 3, 97, 46, 98, 255]));
		expect(read).toMatchObject({ type: 2, transaction: 7, prefix: 24, lease: 3600, domain: "a.b", mac });
		expect([read?.ip, read?.gateway, read?.server, ...(read?.dns ?? [])].map((ip) => formatIpv4(ip ?? 0))).toEqual([
			...["10.0.2.15", "10.0.2.2", "10.0.2.2", "9.9.9.9", "1.1.1.1"],
		]);
	});
	test("a domain that would be more than a name is dropped", () => {
		const evil = [...Buffer.from("a\nnameserver 6.6.6.6")];
		expect(decodeDhcp(answer([...GOOD, 15, evil.length, ...evil, 255]))?.domain).toBe("");
	});
	test("what is no answer is none: requests, cut-off and random bytes", () => {
		expect(decodeDhcp(request)).toBeUndefined();
		for (let length = 0; length < 270; length++) decodeDhcp(answer(GOOD).subarray(0, length));
		for (let round = 0; round < 3000; round++) {
			const noise = answer(Array.from({ length: 60 }, () => Math.trunc(Math.random() * 256)));
			const read = decodeDhcp(noise);
			expect(read === undefined || (read.prefix >= 0 && read.prefix <= 32 && read.dns.length <= 3)).toBe(true);
		}
	});
	test("addresses", () => {
		expect(formatIpv4(parseIpv4("255.1.2.3") ?? 0)).toBe("255.1.2.3");
	});
});
