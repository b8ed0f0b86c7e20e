/** Archives made to reach what is not theirs. Each is unpacked in a directory whose neighbours are watched. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
	existsSync,
	lstatSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { LayerWriter } from "../../src/image/layer/unpack.ts";
import { TarReader } from "../../src/image/tar/reader.ts";
import { paxRecords, type TarFile, tarOf, withChecksum } from "../registry.ts";

const dir = mkdtempSync("/tmp/nc-hostile-");
const layer = `${dir}/layer`;
const outside = `${dir}/outside`;
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(() => {
	rmSync(layer, { recursive: true, force: true });
	rmSync(outside, { recursive: true, force: true });
	mkdirSync(layer);
	mkdirSync(outside);
	writeFileSync(`${outside}/secret`, "untouched");
});

function unpackBytes(bytes: Uint8Array): void {
	using writer = new LayerWriter(layer);
	const reader = new TarReader(writer);
	for (let at = 0; at < bytes.length; at += 1000) reader.push(bytes.subarray(at, at + 1000));
	reader.finish();
	writer.finish();
}
const unpack = (...files: TarFile[]) => unpackBytes(tarOf(files));

/** Nothing outside has changed; `/tmp` and `/etc` have no new "nc-evil". */
function expectContained(): void {
	expect(readdirSync(outside)).toEqual(["secret"]);
	expect(readFileSync(`${outside}/secret`, "utf8")).toBe("untouched");
	expect(statSync(`${outside}/secret`).mode & 0o7777).toBe(0o644);
	expect(readdirSync(dir).sort()).toEqual(["layer", "outside"]);
	for (const path of ["/nc-evil", "/tmp/nc-evil", "/etc/nc-evil"]) expect(existsSync(path)).toBe(false);
}

const link = (path: string, linkpath: string): TarFile => ({ path, type: "SymbolicLink", linkpath });
const hard = (path: string, linkpath: string): TarFile => ({ path, type: "Link", linkpath });

describe("paths that lead out", () => {
	const refused: Record<string, TarFile[]> = {
		"a hard link to a parent directory": [hard("x", "../outside/secret")],
		"a hard link through a link that leads up": [link("d", "../outside"), hard("x", "d/secret")],
		"a hard link to an absolute path": [hard("x", "/etc/passwd")],
		"a directory link as a parent of a hard link": [link("d", `${outside}`), hard("x", "d/secret")],
		"a link to /proc/self/root": [link("d", "/proc/self/root"), { path: "d/tmp/nc-evil", data: "evil" }],
		"a NUL in a PAX path": [{ path: "x", pax: { path: "a\0b" }, data: "evil" }],
		"a name of 300 characters": [{ path: "n".repeat(300), data: "x" }],
		"a file as a parent": [
			{ path: "f", data: "x" },
			{ path: "f/g", data: "y" },
		],
		"a loop of links as a parent": [link("a", "b"), link("b", "a"), { path: "a/x", data: "evil" }],
		"a whiteout of a parent directory": [{ path: ".wh...", data: "" }],
		"a whiteout of nothing": [{ path: ".wh.", data: "" }],
		"a hard link to a directory": [{ path: "d/", type: "Directory" }, hard("x", "d")],
	};
	for (const [what, files] of Object.entries(refused)) {
		test(`unpack() refuses ${what}`, () => {
			expect(() => unpack(...files)).toThrow();
			expectContained();
		});
	}
	test("unpack() keeps names that climb in the layer's root, as a process with that root would", () => {
		unpack(
			{ path: "../outside/secret", data: "evil" },
			{ path: "a/../../outside/other", data: "evil" },
			{ path: "../../../../../../nc-evil", data: "evil" },
			{ path: "./../v/a", data: "a" },
			hard("h", "../../v/a"),
			{ path: "../..", type: "Directory", mode: 0o711 },
		);
		expectContained();
		expect(readdirSync(`${layer}/outside`).sort()).toEqual(["other", "secret"]);
		expect(readdirSync(layer).sort()).toEqual(["h", "nc-evil", "outside", "v"]);
		expect(lstatSync(`${layer}/h`).ino).toBe(lstatSync(`${layer}/v/a`).ino);
		expect(statSync(layer).mode & 0o7777).toBe(0o711);
	});
	test("unpack() resolves absolute names, links and '..' in links inside the layer", () => {
		unpack(
			{ path: "/nc-evil", data: "1" },
			link("abs", "/etc"),
			{ path: "etc/", type: "Directory" },
			{ path: "abs/nc-evil", data: "2" },
			link("up", "../../../../tmp"),
			{ path: "tmp/", type: "Directory" },
			{ path: "up/nc-evil", data: "3" },
		);
		expect(readFileSync(`${layer}/nc-evil`, "utf8")).toBe("1");
		expect(readFileSync(`${layer}/etc/nc-evil`, "utf8")).toBe("2");
		expect(readFileSync(`${layer}/tmp/nc-evil`, "utf8")).toBe("3");
		expectContained();
	});
	test("unpack() replaces a link instead of writing through it", () => {
		unpack(link("f", `${outside}/secret`), { path: "f", data: "mine", mode: 0o777 });
		expect(readFileSync(`${layer}/f`, "utf8")).toBe("mine");
		expect(lstatSync(`${layer}/f`).isFile()).toBe(true);
		expectContained();
	});
	test("unpack() sets mode, owner and time of a link itself, never of its target", () => {
		unpack({ ...link("f", `${outside}/secret`), mode: 0o777, uid: 1234 });
		expect(readlinkSync(`${layer}/f`)).toBe(`${outside}/secret`);
		expect(lstatSync(`${layer}/f`).uid).toBe(1234);
		expect(statSync(`${outside}/secret`).uid).toBe(0);
		expectContained();
	});
	test("unpack() survives a directory that becomes a link while it is open", () => {
		unpack({ path: "d/", type: "Directory" }, { path: "d/a", data: "1" }, link("d", outside), { path: "e", data: "x" });
		expect(lstatSync(`${layer}/d`).isSymbolicLink()).toBe(true);
		expectContained();
		expect(() =>
			unpack({ path: "d/", type: "Directory" }, { path: "d/a", data: "1" }, link("d", outside), {
				path: "d/secret",
				data: "evil",
			}),
		).toThrow();
		expectContained();
	});
	test("unpack() lets a directory replace a link, and a file a tree", () => {
		unpack(
			link("d", outside),
			{ path: "d/", type: "Directory" },
			{ path: "d/x", data: "in" },
			{ path: "t/u/v", data: "1" },
			{ path: "t", data: "file" },
		);
		expect(readFileSync(`${layer}/d/x`, "utf8")).toBe("in");
		expect(readFileSync(`${layer}/t`, "utf8")).toBe("file");
		expectContained();
	});
});

describe("overlay's own marks", () => {
	const xattrs = (path: string) =>
		Bun.spawnSync(["getfattr", "-d", "-m", "-", "--absolute-names", "-h", path]).stdout.toString();
	test("unpack() drops trusted.overlay and user.overlay attributes of the archive", () => {
		unpack({
			path: "d/",
			type: "Directory",
			pax: {
				"SCHILY.xattr.trusted.overlay.opaque": "y",
				"SCHILY.xattr.trusted.overlay.redirect": "/etc",
				"SCHILY.xattr.user.overlay.opaque": "y",
				"SCHILY.xattr.user.kept": "v",
			},
		});
		expect(xattrs(`${layer}/d`)).not.toContain("overlay");
		expect(xattrs(`${layer}/d`)).toContain('user.kept="v"');
	});
	test("unpack() drops a 0/0 device, which would be a whiteout", () => {
		unpack({ path: "w", type: "CharacterDevice", devmaj: 0, devmin: 0 });
		expect(existsSync(`${layer}/w`)).toBe(false);
	});
	test("unpack() turns whiteouts into 0/0 devices, opaque markers into an attribute", () => {
		unpack(
			{ path: "a/.wh.gone", data: "" },
			{ path: "a/.wh..wh..opq", data: "" },
			{ path: ".wh..wh.plnk/1", data: "" },
		);
		const gone = lstatSync(`${layer}/a/gone`);
		expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0]);
		expect(xattrs(`${layer}/a`)).toContain('trusted.overlay.opaque="y"');
		expect(existsSync(`${layer}/.wh..wh.plnk`)).toBe(true); // a plain directory name with plain content
	});
	test("a directory over its own whiteout hides what is below", () => {
		unpack({ path: ".wh.d", data: "" }, { path: "d/", type: "Directory" }, { path: "d/new", data: "1" });
		expect(xattrs(`${layer}/d`)).toContain('trusted.overlay.opaque="y"');
		expect(readFileSync(`${layer}/d/new`, "utf8")).toBe("1");
	});
	test("a whiteout keeps what the same layer has put there", () => {
		unpack({ path: "f", data: "stays" }, { path: ".wh.f", data: "" });
		expect(readFileSync(`${layer}/f`, "utf8")).toBe("stays");
	});
});

describe("what must be kept", () => {
	test("unpack() keeps modes with set-user-ID, owners, nanoseconds, devices, fifos and hard links", () => {
		unpack(
			{ path: "s", mode: 0o4755, uid: 7, gid: 8, data: "x", pax: { mtime: "1600000000.123456789" } },
			hard("h", "s"),
			{ path: "p", type: "FIFO", mode: 0o600 },
			{ path: "n", type: "CharacterDevice", devmaj: 1, devmin: 3, mode: 0o666 },
			{ path: "sticky/", type: "Directory", mode: 0o1777, mtime: new Date(1_500_000_000_000) },
			{ path: "sticky/f", data: "1" },
		);
		const s = lstatSync(`${layer}/s`, { bigint: true });
		expect([s.mode & 0o7777n, s.uid, s.gid, s.mtimeNs, s.nlink]).toEqual([
			0o4755n,
			7n,
			8n,
			1_600_000_000_123_456_789n,
			2n,
		]);
		expect(lstatSync(`${layer}/h`).ino).toBe(Number(s.ino));
		expect(lstatSync(`${layer}/p`).isFIFO()).toBe(true);
		expect(lstatSync(`${layer}/n`).rdev).toBe(0x103);
		const sticky = lstatSync(`${layer}/sticky`);
		expect([sticky.mode & 0o7777, sticky.mtimeMs]).toEqual([0o1777, 1_500_000_000_000]);
	});
	test("unpack() keeps file capabilities byte for byte", () => {
		const value = Uint8Array.of(1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0xff, 0, 0, 0);
		unpack({ path: "ping", data: "x", pax: { "SCHILY.xattr.security.capability": value } });
		const shown = Bun.spawnSync([
			"getfattr",
			"-n",
			"security.capability",
			"-e",
			"hex",
			"--absolute-names",
			`${layer}/ping`,
		]).stdout.toString();
		expect(shown).toContain("0x0100000200200000");
	});
	test("unpack() keeps long names, by PAX and by GNU, and names in UTF-8", () => {
		const long = `${"d".repeat(90)}/${"f".repeat(200)}`;
		unpack({ path: long, data: "pax" }, { path: "ünï/😀", data: "utf8", pax: { path: "ünï/😀" } });
		expect(readFileSync(`${layer}/${long}`, "utf8")).toBe("pax");
		expect(readFileSync(`${layer}/ünï/😀`, "utf8")).toBe("utf8");
		const gnu = `${"g".repeat(120)}/x`;
		const header = Buffer.from(tarOf([{ path: "././@LongLink", data: `${gnu}\0` }]).subarray(0, 512));
		header.write("L", 156);
		const body = Buffer.concat([Buffer.from(`${gnu}\0`), Buffer.alloc(512 - gnu.length - 1)]);
		unpackBytes(Buffer.concat([withChecksum(header), body, tarOf([{ path: "short", data: "gnu" }])]));
		expect(readFileSync(`${layer}/${gnu}`, "utf8")).toBe("gnu");
	});
	test("unpack() makes sparse files of all three kinds", () => {
		const map = Buffer.alloc(512);
		map.write("2\n1000\n3\n5000\n2\n");
		unpack(
			{
				path: "one",
				data: Buffer.concat([map, Buffer.from("abcde")]),
				pax: {
					"GNU.sparse.major": "1",
					"GNU.sparse.minor": "0",
					"GNU.sparse.name": "one",
					"GNU.sparse.realsize": "9000",
				},
			},
			{ path: "zero", data: "xy", pax: { "GNU.sparse.map": "10,2", "GNU.sparse.size": "100" } },
		);
		const one = readFileSync(`${layer}/one`);
		expect([one.length, one.toString("latin1", 1000, 1003), one.toString("latin1", 5000, 5002), one[0]]).toEqual([
			9000,
			"abc",
			"de",
			0,
		]);
		expect(readFileSync(`${layer}/zero`).toString("latin1", 10, 12)).toBe("xy");
		rmSync(`${layer}/old`, { force: true });
		Bun.spawnSync([
			"sh",
			"-c",
			`cd ${dir} && mkdir s && truncate -s 1M s/old && echo data | dd of=s/old bs=1 seek=500000 conv=notrunc 2>/dev/null && tar --format=gnu -S -cf s.tar -C s old`,
		]);
		unpackBytes(readFileSync(`${dir}/s.tar`));
		expect(readFileSync(`${layer}/old`).equals(readFileSync(`${dir}/s/old`))).toBe(true);
		rmSync(`${dir}/s`, { recursive: true });
		rmSync(`${dir}/s.tar`);
	});
});

describe("archives that lie about themselves", () => {
	const header = (change: (block: Buffer) => void) => {
		const bytes = tarOf([{ path: "x", data: "data" }]);
		const block = Buffer.from(bytes.subarray(0, 512));
		change(block);
		return Buffer.concat([block, bytes.subarray(512)]);
	};
	const lies: Record<string, () => Uint8Array> = {
		"a wrong checksum": () => header((block) => block.write("9", 150)),
		"a size beyond all disks": () =>
			header((block) => {
				block.fill(0xff, 124, 136);
				block[124] = 0x80;
				block[125] = 0x7f;
				withChecksum(block);
			}),
		"a negative size": () =>
			header((block) => {
				block.fill(0xff, 124, 136);
				withChecksum(block);
			}),
		"an end in the middle of a file": () => tarOf([{ path: "x", data: "x".repeat(5000) }]).subarray(0, 2000),
		"an end in the middle of a header": () => tarOf([{ path: "x" }]).subarray(0, 300),
		"a PAX record longer than its block": () =>
			tarOf([{ path: "x", pax: {} }]).subarray(0, 0).length === 0 ? paxBlock("999 path=evil\n") : new Uint8Array(),
		"a PAX record of length zero": () => paxBlock("0 path=evil\n"),
		"a PAX record without =": () => paxBlock("11 pathevil\n"),
		"a PAX header of 2 MiB": () => paxBlock("x".repeat(2 << 20)),
		"a PAX size that is no number": () => tarOf([{ path: "x", pax: { size: "-5" } }]),
		"a sparse map outside its file": () =>
			tarOf([{ path: "x", data: "xy", pax: { "GNU.sparse.map": "1000,2", "GNU.sparse.size": "100" } }]),
		"a sparse map that overlaps itself": () =>
			tarOf([{ path: "x", data: "xyxy", pax: { "GNU.sparse.map": "10,2,11,2", "GNU.sparse.size": "100" } }]),
		"a sparse map larger than its data": () =>
			tarOf([{ path: "x", data: "xy", pax: { "GNU.sparse.map": "0,50", "GNU.sparse.size": "100" } }]),
		"a sparse file of 2^60 bytes": () =>
			tarOf([{ path: "x", data: "", pax: { "GNU.sparse.map": "0,0", "GNU.sparse.size": String(2 ** 52) } }]),
	};
	function paxBlock(text: string): Buffer {
		const block = Buffer.from(tarOf([{ path: "pax", data: text }]));
		block.write("x", 156);
		withChecksum(block.subarray(0, 512));
		return Buffer.concat([block.subarray(0, block.length - 1024), tarOf([{ path: "x", data: "1" }])]);
	}
	for (const [what, bytes] of Object.entries(lies)) {
		test(`unpack() refuses ${what}`, () => {
			expect(() => unpackBytes(bytes())).toThrow();
			expectContained();
		});
	}
	test("random damage to an archive never escapes, hangs or crashes", () => {
		const good = tarOf([
			{ path: "a/", type: "Directory" },
			{ path: "a/f", data: "x".repeat(700), pax: { mtime: "1.5", "SCHILY.xattr.user.a": "b" } },
			link("a/l", "/etc/passwd"),
			hard("a/h", "a/f"),
			{ path: "s", data: "xy", pax: { "GNU.sparse.map": "10,2", "GNU.sparse.size": "100" } },
		]);
		let seed = 12345;
		const random = (n: number) => {
			seed = (seed * 1103515245 + 12345) & 0x7fffffff;
			return seed % n;
		};
		for (let round = 0; round < 400; round++) {
			rmSync(layer, { recursive: true, force: true });
			mkdirSync(layer);
			const bytes = Buffer.from(good);
			for (let k = random(6); k >= 0; k--) bytes[random(bytes.length)] = random(256);
			if (round % 2)
				for (let at = 0; at + 512 <= bytes.length; at += 512)
					if (bytes[at + 257] === 0x75) withChecksum(bytes.subarray(at, at + 512));
			try {
				unpackBytes(bytes);
			} catch (error) {
				expect((error as Error).name).toMatch(/EngineError|SyscallError/);
			}
			expectContained();
		}
		expect(paxRecords({ a: "b" }).toString()).toBe("6 a=b\n");
	});
});
