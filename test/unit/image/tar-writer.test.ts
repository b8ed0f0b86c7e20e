import { expect, test } from "bun:test";
import { Header } from "tar";
import type { TarEntry } from "../../../src/image/tar/header.ts";
import { TarReader } from "../../../src/image/tar/reader.ts";
import { encodeHeader, endOfArchive, type OutEntry, padding, plainEntry } from "../../../src/image/tar/writer.ts";

/** What the reader sees of what the writer wrote. */
function roundTrip(entry: OutEntry, data: Uint8Array): { entry: TarEntry; data: Buffer } {
	let seen: TarEntry | undefined;
	const parts: Buffer[] = [];
	const reader = new TarReader({
		entry: (one) => {
			seen = one;
		},
		data: (bytes) => parts.push(Buffer.from(bytes)),
		end: () => {},
	});
	reader.push(Buffer.concat([encodeHeader(entry), data, padding(data.length), endOfArchive()]));
	reader.finish();
	if (!seen) throw new Error("no entry");
	return { entry: seen, data: Buffer.concat(parts) };
}

test("what is written is read back: long and strange names, large numbers, attributes", () => {
	const names = ["a", `${"d/".repeat(80)}long`, "caf\u00e9", "blank name", "\u65e5\u672c\u8a9e/".repeat(20)];
	for (const name of names) {
		const data = Buffer.from("content");
		const written: OutEntry = {
			...plainEntry(name, data.length),
			mode: 0o4751,
			uid: 5_000_000,
			gid: 7,
			mtime: 1_700_000_000,
			xattrs: new Map([["security.capability", Uint8Array.of(1, 0, 10, 255)]]),
		};
		const { entry, data: read } = roundTrip(written, data);
		expect(Buffer.from(entry.path, "latin1").toString()).toBe(name);
		expect([entry.mode, entry.uid, entry.gid, entry.mtime]).toEqual([0o4751, 5_000_000, 7, 1_700_000_000_000_000_000n]);
		expect(entry.xattrs.get("security.capability")).toEqual(Buffer.from([1, 0, 10, 255]));
		expect(read.toString()).toBe("content");
	}
});

test("names that are not UTF-8 keep their bytes; links and devices keep what they are", () => {
	const bytes = Buffer.from([0x63, 0xe9, 0xff]);
	const link = roundTrip(
		{ ...plainEntry("x", 0), path: bytes, type: "symlink", linkpath: Buffer.from("t".repeat(150)) },
		Buffer.alloc(0),
	);
	expect(Buffer.from(link.entry.path, "latin1")).toEqual(bytes);
	expect(link.entry.linkpath).toBe("t".repeat(150));
	const device = roundTrip({ ...plainEntry("n", 0), type: "char", devMajor: 1, devMinor: 3 }, Buffer.alloc(0));
	expect([device.entry.type, device.entry.devMajor, device.entry.devMinor]).toEqual(["char", 1, 3]);
});

const random = (below: number): number => Math.trunc(Math.random() * below);

test("a header is what npm tar makes of the same entry", () => {
	const types = { file: "File", directory: "Directory", symlink: "SymbolicLink", char: "CharacterDevice" } as const;
	for (let round = 0; round < 2000; round++) {
		const type = (["file", "directory", "symlink", "char"] as const)[random(4)] ?? "file";
		const entry = {
			...plainEntry("x".repeat(1 + random(98)), random(2) ? random(1000) : random(2 ** 33)),
			...{ type, mode: random(0o10000), uid: random(0o10000000), gid: random(70000), mtime: random(2 ** 33) },
			...{ devMajor: random(300), devMinor: random(70000), linkpath: Buffer.from("y".repeat(random(99))) },
		};
		const expected = Buffer.alloc(512);
		new Header({
			...{ path: entry.path.toString(), mode: entry.mode, uid: entry.uid, gid: entry.gid, type: types[type] },
			...{ size: type === "file" ? entry.size : 0, mtime: new Date(entry.mtime * 1000), uname: "", gname: "" },
			...{ linkpath: entry.linkpath.toString(), devmaj: entry.devMajor, devmin: entry.devMinor },
		}).encode(expected, 0);
		expect(encodeHeader(entry).equals(expected)).toBe(true);
	}
});
