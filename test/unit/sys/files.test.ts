/** Names, times and directories as the kernel gives them. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openDir } from "../../../src/sys/file.ts";
import { directoriesIn, namesIn, readdirSync, readFileSync } from "../../../src/sys/fs.ts";
import { setTime, setTimes, statAt } from "../../../src/sys/stat.ts";
import { consistsOf, DIGITS, fromLatin1, fromUtf8, nameText, utf8 } from "../../../src/sys/text.ts";

const dir = mkdtempSync(`${tmpdir()}/nc-unit-`);
afterAll(() => rmSync(dir, { recursive: true }));

test("text and bytes", () => {
	const all = Uint8Array.from({ length: 20_000 }, (_, i) => i % 256);
	expect(fromLatin1(all)).toBe(Buffer.from(all).toString("latin1"));
	for (const text of ["", "plain", "\ufeffä漢🐚", "a\0b"]) expect(fromUtf8(utf8(text))).toBe(text);
	expect([nameText("x"), nameText(utf8("ä\0")), nameText(Uint8Array.of(0xff, 0))]).toEqual(["x", "ä", "\ufffd"]);
	expect(["", "0", "12a", "٣"].map((text) => consistsOf(text, DIGITS))).toEqual([false, true, false, false]);
});

test("a directory of many names, some of them no text", () => {
	const names = [...Array.from({ length: 1000 }, (_, i) => `file-${i}-${"x".repeat(i % 200)}`), "..x", ".y", "ä"];
	for (const name of names) writeFileSync(`${dir}/${name}`, "");
	writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.of(0xff, 0xfe)]), "");
	using open = openDir(dir);
	const found = namesIn(open.number);
	expect(found.every((name) => name.at(-1) === 0)).toBe(true);
	expect(readdirSync(dir).sort()).toEqual([...names, "\ufffd\ufffd"].sort());
	expect(statAt(open.number, found.find((name) => name[0] === 0xff) ?? "").size).toBe(0);
	expect(directoriesIn(dir)).toEqual([]);
});

test("a file larger than the first read is read whole", () => {
	const bytes = Buffer.alloc(70_001, "0123456789");
	writeFileSync(`${dir}/large`, bytes);
	expect(readFileSync(`${dir}/large`, "utf8")).toBe(bytes.toString());
});

test("times before 1970, in this century and after 2106; sizes, owners and links", () => {
	symlinkSync("nowhere", `${dir}/link`);
	using open = openDir(dir);
	for (const seconds of [-5, 0, 1_700_000_000, 2 ** 33]) {
		writeFileSync(`${dir}/timed`, "abc");
		setTimes(open.number, "timed", BigInt(seconds) * 1_000_000_000n + 7n);
		const { mtime, mtimeSeconds, mtimeNs, size, links } = statAt(open.number, "timed");
		expect([mtime, mtimeSeconds, mtimeNs, size, links]).toEqual([
			BigInt(seconds) * 1_000_000_000n + 7n,
			seconds,
			7,
			3,
			1,
		]);
		utimesSync(`${dir}/timed`, 1, 1);
		setTime(open.number, "timed", { mtimeSeconds: seconds, mtimeNs: 7 });
		expect(statSync(`${dir}/timed`, { bigint: true }).mtimeNs).toBe(BigInt(seconds) * 1_000_000_000n + 7n);
	}
	const { ino, mode } = statSync(`${dir}/timed`);
	const stat = statAt(open.number, "timed");
	expect([stat.mode, Number(stat.inode.split(":").at(-1))]).toEqual([mode, ino]);
	expect(statAt(open.number, "link").mode & 0o170000).toBe(0o120000);
});
