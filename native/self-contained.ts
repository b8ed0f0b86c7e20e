/**
 * Makes Bun's executable start without the host's help: the program header that asks the kernel for a loader
 * (PT_INTERP) gives its place to a segment of ours with the start-up (native/start/) and what it may need, a loader and
 * the libraries of glibc. Bun's own bytes stay as they are, but for the entry point and that one header; its code lies a
 * little further back in the file.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { type Elf, encodeSegments, PF_R, PF_X, PT_INTERP, PT_LOAD, readElf, type Segment, setEntry, withGap } from "./elf.ts";

import { MAGIC } from "../src/runtime/monitor-process.ts";

export type Arch = "x64" | "arm64";

/** What Bun's DT_NEEDED entries name, the loader first, and where Debian keeps them (arm64: the cross compiler's). */
const CARRIED: Readonly<Record<Arch, { readonly from: string; readonly names: readonly string[] }>> = {
	x64: {
		from: process.arch === "x64" ? "/lib/x86_64-linux-gnu" : "/usr/x86_64-linux-gnu/lib",
		names: ["ld-linux-x86-64.so.2", "libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6"],
	},
	arm64: {
		from: process.arch === "arm64" ? "/lib/aarch64-linux-gnu" : "/usr/aarch64-linux-gnu/lib",
		names: ["ld-linux-aarch64.so.1", "libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6"],
	},
};

/** Paths of the carried files; empty when this machine has none of them (a build host that is not glibc's). */
export function carriedFiles(arch: Arch): readonly string[] {
	const { from, names } = CARRIED[arch];
	const paths = names.map((name) => `${from}/${name}`);
	return paths.every((path) => existsSync(path)) ? paths : [];
}

const aligned = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

const NAME = 32;
const RECORD = NAME + 16;

/** struct start_table of native/start/start.h and the files behind it. */
function encodeTable(entry: number, segment: number, files: readonly string[]): Uint8Array {
	const contents = files.map((path) => readFileSync(path));
	let size = aligned(24 + files.length * RECORD, 16);
	const offsets = contents.map((bytes) => {
		const offset = size;
		size = aligned(size + bytes.length, 16);
		return offset;
	});
	const table = new Uint8Array(size);
	const view = new DataView(table.buffer);
	for (const [i, value] of [entry, segment, files.length].entries()) view.setBigUint64(i * 8, BigInt(value), true);
	for (const [i, bytes] of contents.entries()) {
		const at = 24 + i * RECORD;
		table.set(Buffer.from(basename(files[i] ?? "")).subarray(0, NAME - 1), at);
		view.setBigUint64(at + NAME, BigInt(offsets[i] ?? 0), true);
		view.setBigUint64(at + NAME + 8, BigInt(bytes.length), true);
		table.set(bytes, offsets[i]);
	}
	return table;
}

/** The start-up as it lies in memory; the table belongs right behind, at the next 16 bytes (native/start/start.ld). */
function startCode(path: string): { entry: number; code: Uint8Array } {
	const file = readFileSync(path);
	const { entry, segments } = readElf(file);
	const segment = segments.find(({ type }) => type === PT_LOAD);
	if (!segment) throw new Error(`${path}: no segment`);
	const code = new Uint8Array(aligned(segment.fileSize, 16));
	code.set(file.subarray(segment.offset, segment.offset + segment.fileSize));
	return { entry, code };
}

/** Where the new segment goes: behind everything, in the file as in memory. */
function place(elf: Elf, fileSize: number): { offset: number; address: number } {
	const PAGE = 0x10000; // the largest that arm64 kernels use
	const end = Math.max(...elf.segments.map(({ address, memorySize }) => address + memorySize));
	return { offset: aligned(fileSize, PAGE), address: aligned(end, PAGE) };
}

/** The kernel wants the headers of loaded segments in the order of their addresses. */
function replaceInterpreter(segments: readonly Segment[], added: Segment): Segment[] {
	const kept = segments.filter(({ type }) => type !== PT_INTERP);
	if (kept.length + 1 !== segments.length) throw new Error("the executable names no loader, or is done already");
	const last = kept.findLastIndex(({ type }) => type === PT_LOAD);
	return kept.toSpliced(last + 1, 0, added);
}

/** The monitor and, as the last bytes of the file, where it begins (src/runtime/monitor-process.ts). */
function withTrailer(monitor: string): Uint8Array {
	const bytes = readFileSync(monitor);
	const trailer = Buffer.alloc(16);
	trailer.writeBigUInt64LE(BigInt(bytes.length), 0);
	trailer.write(MAGIC, 8, "latin1");
	return Buffer.concat([bytes, trailer]);
}

/** What one entry of a page table of the second level maps, where pages are of 4 kB. */
const HUGE = 2 * 1024 * 1024;

/**
 * The code moved in the file to where its distance from an address is a multiple of 2 MB: only so can the kernel map a
 * large folio of the page cache by one entry instead of 512 (thp_vma_suitable_order() in include/linux/huge_mm.h). A
 * process touches a third of Bun's code, and has 200 page faults less, and less to let go of when it ends.
 */
function withCodeAligned(file: Uint8Array): Uint8Array {
	const code = readElf(file).segments.find(({ type, flags }) => type === PT_LOAD && flags & PF_X);
	if (!code) throw new Error("the executable has no code");
	return withGap(file, code.offset, (((code.address - code.offset) % HUGE) + HUGE) % HUGE);
}

/**
 * Changes the executable at `path`. `start`: the compiled start-up. `monitor`: the program that lies behind all of it.
 * The file is written anew, in one piece: what is written so lies in the page cache in large folios.
 */
export function makeSelfContained(path: string, start: string, files: readonly string[], monitor: string): void {
	const file = withCodeAligned(readFileSync(path));
	const elf = readElf(file);
	const { offset, address } = place(elf, file.length);
	const { entry, code } = startCode(start);
	const table = encodeTable(elf.entry, address, files);
	const fileSize = code.length + table.length;
	const flags = PF_R | PF_X;
	const added = { type: PT_LOAD, flags, offset, address, fileSize, memorySize: fileSize, align: 0x1000 };
	file.set(encodeSegments(replaceInterpreter(elf.segments, added)), elf.segmentsAt);
	setEntry(file, address + entry);
	const parts = [file, new Uint8Array(offset - file.length), code, table, withTrailer(monitor)];
	const aside = `${path}.new`;
	try {
		writeFileSync(aside, Buffer.concat(parts), { mode: 0o755 });
		renameSync(aside, path);
	} catch (error) {
		rmSync(aside, { force: true });
		throw error;
	}
}
