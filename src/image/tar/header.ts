/**
 * One tar header block, and the extended headers that correct it: PAX records (pax(1)) and GNU long names. npm `tar`
 * decodes the block; PAX records are decoded here, because they hold bytes (file capabilities) and nanoseconds, which
 * its decoder turns into text and milliseconds.
 */
import { Header } from "tar/header";
import { EngineError } from "../../errors.ts";

export type EntryType = "file" | "directory" | "symlink" | "link" | "char" | "block" | "fifo";

export interface TarEntry {
	readonly path: string;
	readonly type: EntryType;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Bytes of data in the archive. */
	readonly size: number;
	/** Nanoseconds since 1970. */
	readonly mtime: bigint;
	readonly linkpath: string;
	readonly devMajor: number;
	readonly devMinor: number;
	readonly xattrs: ReadonlyMap<string, Uint8Array>;
	/** A sparse file: its whole size, and where the data that is there belongs. */
	readonly sparse:
		| { readonly size: number; readonly map: readonly (readonly [offset: number, length: number])[] | "in-data" }
		| undefined;
}

export type Pax = ReadonlyMap<string, Uint8Array>;

export const malformed = (why: string): EngineError =>
	new EngineError("failed", `The layer's tar archive is malformed: ${why}`);

/** What kind of block it is: an entry, or an extended header for the next one(s). */
export type BlockKind = "end" | "pax" | "global-pax" | "long-path" | "long-link" | "entry" | "other";

const TYPES: Readonly<Record<string, EntryType>> = {
	"0": "file",
	"\0": "file",
	"7": "file",
	S: "file",
	"1": "link",
	"2": "symlink",
	"3": "char",
	"4": "block",
	"5": "directory",
	"6": "fifo",
};

export interface Block {
	readonly kind: BlockKind;
	readonly size: number;
	readonly header: Header;
	readonly flag: string;
}

/** A NUL-terminated field of a block. */
function field(raw: Buffer, at: number, length: number): string {
	const end = raw.indexOf(0, at);
	return raw.toString("latin1", at, end < 0 ? at + length : Math.min(end, at + length));
}

/** POSIX archives have a second field, for the directories before the name (GNU's have other things there). */
function rawPath(raw: Buffer): string {
	const prefix = raw.toString("latin1", 257, 263) === "ustar\0" ? field(raw, 345, 155) : "";
	return prefix ? `${prefix}/${field(raw, 0, 100)}` : field(raw, 0, 100);
}

const SIZE_LIMIT = 2 ** 43; // 8 TiB

export function decodeBlock(bytes: Buffer): Block {
	let header: Header;
	try {
		header = new Header(bytes);
	} catch {
		throw malformed("a header's number is impossible");
	}
	if (header.nullBlock) return { kind: "end", size: 0, header, flag: "" };
	if (!header.cksumValid) throw malformed("a header's checksum is wrong");
	const flag = String.fromCharCode(bytes[156] ?? 0);
	const size = header.size ?? 0;
	if (!Number.isSafeInteger(size) || size < 0 || size > SIZE_LIMIT) throw malformed("an entry's size is impossible");
	const kind: BlockKind =
		flag === "x"
			? "pax"
			: flag === "g"
				? "global-pax"
				: flag === "L"
					? "long-path"
					: flag === "K"
						? "long-link"
						: flag in TYPES
							? "entry"
							: "other";
	return { kind, size, header, flag };
}

/** Records "length key=value\n"; the length counts itself. Values are bytes. */
export function decodePax(bytes: Uint8Array): Map<string, Uint8Array> {
	const records = new Map<string, Uint8Array>();
	const pieces: string[] = [];
	for (let at = 0; at < bytes.length; ) {
		const space = bytes.indexOf(0x20, at);
		const length = Number(text(bytes.subarray(at, Math.max(space, at))));
		const end = at + length;
		const equals = bytes.indexOf(0x3d, space);
		if (
			space < 0 ||
			!Number.isInteger(length) ||
			length < 5 ||
			end > bytes.length ||
			equals < 0 ||
			equals >= end ||
			bytes[end - 1] !== 0x0a
		) {
			throw malformed("a PAX record is broken");
		}
		const key = text(bytes.subarray(space + 1, equals));
		const value = bytes.subarray(equals + 1, end - 1);
		// GNU's sparse format 0.0 repeats these two keys for each piece: they become the one map of format 0.1.
		if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") pieces.push(text(value));
		else records.set(key, value);
		at = end;
	}
	if (pieces.length) records.set("GNU.sparse.map", Buffer.from(pieces.join(",")));
	return records;
}

const text = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** A name is whatever bytes a file system takes: each becomes one character. */
const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** A NUL-terminated name of a GNU long-name entry. */
export function decodeLongName(bytes: Uint8Array): string {
	const end = bytes.indexOf(0);
	return binary(end < 0 ? bytes : bytes.subarray(0, end));
}

/** "1700000000.123456789" → nanoseconds. */
export function parsePaxTime(value: string): bigint | undefined {
	const match = /^(-?)(\d{1,12})(?:\.(\d+))?$/.exec(value);
	if (!match) return undefined;
	const nanoseconds = BigInt(match[2] ?? "0") * 1_000_000_000n + BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
	return match[1] ? -nanoseconds : nanoseconds;
}

/** 2^33 seconds: the year 2242. A Date beyond its own range is not a number. */
const MAX_SECONDS = 2 ** 33;

function headerTime(header: Header): bigint {
	const seconds = Math.trunc((header.mtime?.getTime() ?? 0) / 1000);
	if (!Number.isFinite(seconds) || Math.abs(seconds) > MAX_SECONDS) throw malformed("a time is impossible");
	return BigInt(seconds) * 1_000_000_000n;
}

const XATTR = "SCHILY.xattr.";

/** Puts a header and its corrections together. */
export function makeEntry(
	block: Block,
	raw: Buffer,
	pax: Pax,
	longPath: string | undefined,
	longLink: string | undefined,
): TarEntry {
	const { header } = block;
	const get = (key: string): string | undefined => {
		const value = pax.get(key);
		return value && text(value);
	};
	const number = (key: string, fallback: number): number => {
		const value = get(key);
		if (value === undefined || value === "") return fallback;
		if (!/^\d{1,15}$/.test(value)) throw malformed(`PAX ${key} is not a number`);
		return Number(value);
	};
	// An empty value takes a record back (pax(1)).
	const name = (key: string): string | undefined => (pax.get(key)?.length ? binary(pax.get(key) ?? raw) : undefined);
	const path = name("GNU.sparse.name") ?? name("path") ?? longPath ?? rawPath(raw);
	const linkpath = name("linkpath") ?? longLink ?? field(raw, 157, 100);
	if (path.includes("\0") || linkpath.includes("\0")) throw malformed("a name holds a NUL");
	const size = number("size", block.size);
	if (size > SIZE_LIMIT) throw malformed("an entry's size is impossible");
	const xattrs = new Map<string, Uint8Array>();
	for (const [key, value] of pax) if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
	let type = TYPES[block.flag] ?? "file";
	if (type === "file" && block.flag !== "7" && path.endsWith("/") && size === 0) type = "directory"; // tar of 1988
	return {
		path,
		type,
		mode: (header.mode ?? 0) & 0o7777,
		uid: number("uid", header.uid ?? 0),
		gid: number("gid", header.gid ?? 0),
		size: type === "file" ? size : 0,
		mtime: parsePaxTime(get("mtime") ?? "") ?? headerTime(header),
		linkpath,
		devMajor: header.devmaj ?? 0,
		devMinor: header.devmin ?? 0,
		xattrs,
		sparse: sparseOf(block, raw, get),
	};
}

/** GNU's three ways to say where a sparse file's data belongs (tar manual, Sparse Formats). */
function sparseOf(block: Block, raw: Buffer, get: (key: string) => string | undefined): TarEntry["sparse"] {
	const whole = (value: string | undefined): number => {
		const size = Number(value);
		if (!Number.isSafeInteger(size) || size < 0 || size > SIZE_LIMIT)
			throw malformed("a sparse file's size is impossible");
		return size;
	};
	if (block.flag === "S") return { size: whole(String(sparseNumber(raw, 483))), map: readSparseMap(raw, 386, 4) };
	if (get("GNU.sparse.major") === "1") return { size: whole(get("GNU.sparse.realsize")), map: "in-data" };
	const map = get("GNU.sparse.map") ?? (get("GNU.sparse.numblocks") === "0" ? "" : undefined);
	if (map === undefined) return undefined;
	if (map === "") return { size: whole(get("GNU.sparse.size")), map: [] };
	const numbers = map.split(",").map(Number);
	if (numbers.length % 2 || numbers.some((n) => !Number.isSafeInteger(n) || n < 0))
		throw malformed("a sparse map is broken");
	return { size: whole(get("GNU.sparse.size")), map: pairs(numbers) };
}

export function pairs(numbers: readonly number[]): [number, number][] {
	return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] ?? 0, numbers[2 * i + 1] ?? 0]);
}

/** Whether further blocks of an old GNU sparse map follow this one. */
export const sparseContinues = (raw: Buffer, at: 482 | 504): boolean => raw[at] === 1;

/** Pairs of 12-byte octal numbers; an empty one ends the list. */
export function readSparseMap(raw: Buffer, at: number, count: number): [number, number][] {
	const map: [number, number][] = [];
	for (let i = 0; i < count && raw[at + 24 * i]; i++) {
		map.push([sparseNumber(raw, at + 24 * i), sparseNumber(raw, at + 24 * i + 12)]);
	}
	return map;
}

function sparseNumber(raw: Buffer, at: number): number {
	if ((raw[at] ?? 0) & 0x80) return Number(raw.readBigUInt64BE(at + 4)); // base 256
	const n = Number.parseInt(raw.toString("latin1", at, at + 12).replace(/[\0 ].*$/s, ""), 8);
	if (!Number.isSafeInteger(n) || n < 0) throw malformed("a sparse map is broken");
	return n;
}
