/** The executable that is made of Bun's: headers read, changed and read again. */
import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { encodeSegments, PF_R, PF_X, PT_INTERP, PT_LOAD, readElf, setEntry, withGap } from "../../native/elf.ts";
import { directory, encodeCpio, file, link } from "../vm/cpio.ts";

function headersOf(path: string): Uint8Array {
	const bytes = new Uint8Array(4096);
	const fd = openSync(path, "r");
	readSync(fd, bytes, 0, bytes.length, 0);
	closeSync(fd);
	return bytes;
}

test("program headers survive being read and written", () => {
	const bytes = headersOf(process.execPath);
	const { segments, segmentsAt, entry } = readElf(bytes);
	const written = encodeSegments(segments);
	expect(Buffer.compare(written, bytes.subarray(segmentsAt, segmentsAt + written.length))).toBe(0);
	const changed = bytes.slice();
	setEntry(changed, 0x1234);
	expect(readElf(changed).entry).toBe(0x1234);
	expect(entry).toBeGreaterThan(0);
});

test("a gap moves what lies behind it, and the headers that say where", () => {
	const file = readFileSync("/bin/busybox");
	const code = readElf(file).segments.find(({ type, flags }) => type === PT_LOAD && flags & PF_X);
	const [from, size] = [code?.offset ?? 0, code?.fileSize ?? 0];
	const wider = withGap(file, from, 0x10000);
	expect(Buffer.compare(wider.subarray(from + 0x10000).subarray(0, size), file.subarray(from, from + size))).toBe(0);
	for (const [i, { offset, address }] of readElf(wider).segments.entries()) {
		const before = readElf(file).segments[i];
		expect(address).toBe(before?.address ?? 0);
		expect(offset).toBe((before?.offset ?? 0) + ((before?.offset ?? 0) < from ? 0 : 0x10000));
	}
	const copy = `${mkdtempSync("/tmp/nc-elf-")}/busybox`;
	writeFileSync(copy, wider, { mode: 0o755 });
	expect(Bun.spawnSync([copy, "echo", "runs"]).stdout.toString()).toBe("runs\n");
	rmSync(dirname(copy), { recursive: true });
});

test("NanoContainer's code can be mapped in huge pages", () => {
	const { segments } = readElf(headersOf(`${import.meta.dir}/../../NanoContainer`));
	const code = segments.find(({ type, flags }) => type === PT_LOAD && flags & PF_X);
	expect(((code?.address ?? 0) - (code?.offset ?? 1)) % 0x200000).toBe(0);
});

test("NanoContainer names no loader, and begins in a segment of its own that cannot be written to", () => {
	const { segments, entry } = readElf(headersOf(`${import.meta.dir}/../../NanoContainer`));
	expect(segments.some(({ type }) => type === PT_INTERP)).toBe(false);
	const loaded = segments.filter(({ type }) => type === PT_LOAD);
	const own = loaded.find(({ address, memorySize }) => entry >= address && entry < address + memorySize);
	expect(own?.flags).toBe(PF_R | PF_X);
	expect(own).toBe(loaded.at(-1));
	const addresses = loaded.map(({ address }) => address);
	expect(addresses).toEqual(addresses.toSorted((a, b) => a - b));
});

test("what is not ELF is not taken for it", () => {
	expect(() => readElf(new Uint8Array(128))).toThrow("not an ELF file");
});

test("an initramfs is what cpio(1) reads", () => {
	const archive = encodeCpio([directory("d"), file("d/f", "five\n", 0o755), link("l", "d/f")]);
	const listed = Bun.spawnSync(["/bin/busybox", "cpio", "-t", "-v"], { stdin: archive });
	const lines = listed.stdout.toString().trim().split("\n");
	expect(lines.map((line) => line.replace(/ +/g, " ").replace(/ \S+ \S+ (?=\S+( ->|$))/, " "))).toEqual([
		expect.stringMatching(/^drwxr-xr-x .* d$/),
		expect.stringMatching(/^-rwxr-xr-x .* 5 .*d\/f$/),
		expect.stringMatching(/^lrwxrwxrwx .* l -> d\/f$/),
	]);
});
