/**
 * One tar header block, and the extended headers that correct it: PAX records (pax(1)) and GNU long names. npm `tar` has
 * a decoder of blocks too. This is another, because that one takes an entry for a directory by a name which a long name
 * may yet correct, gives up a whole archive for one time that is out of range, and turns bytes (file capabilities) into
 * text and nanoseconds into milliseconds.
 */
import { malformed, SIZE_LIMIT } from "./malformed.ts";
import { checksumHolds, decodeNumber } from "./number.ts";
import { type Sparse, sparseOf } from "./sparse.ts";

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
	readonly sparse: Sparse | undefined;
}

export type Pax = ReadonlyMap<string, Uint8Array>;

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
	D: "directory", // GNU's, with the names of what was in it as its data (tar manual, Dumpdir)
	"6": "fifo",
};

export interface Block {
	readonly kind: BlockKind;
	readonly size: number;
	readonly flag: string;
}

/** pax(1), "ustar Interchange Format": where each field begins, and its length. */
const FIELDS = {
	mode: [100, 8],
	uid: [108, 8],
	gid: [116, 8],
	size: [124, 12],
	mtime: [136, 12],
	devMajor: [329, 8],
	devMinor: [337, 8],
} as const;

const numberIn = (raw: Buffer, name: keyof typeof FIELDS): number | undefined =>
	decodeNumber(raw, FIELDS[name][0], FIELDS[name][1]);

/** Of a field that harms nobody: what makes no sense is 0, and the content is kept. */
const harmless = (raw: Buffer, name: keyof typeof FIELDS): number => {
	const value = numberIn(raw, name);
	return value === undefined || !Number.isSafeInteger(value) ? 0 : value;
};

/** A NUL-terminated field of a block. */
function field(raw: Buffer, at: number, length: number): string {
	const end = raw.indexOf(0, at);
	return raw.toString("latin1", at, end < 0 ? at + length : Math.min(end, at + length));
}

/** POSIX archives have a second field, for the directories before the name (GNU's have other things there). */
function rawPath(raw: Buffer): string {
	const star = raw.toString("latin1", 508, 512) === "tar\0"; // star(1) has times behind a shorter prefix
	const prefix = raw.toString("latin1", 257, 263) === "ustar\0" ? field(raw, 345, star ? 131 : 155) : "";
	return prefix ? `${prefix}/${field(raw, 0, 100)}` : field(raw, 0, 100);
}

const KINDS: Readonly<Record<string, BlockKind>> = { x: "pax", g: "global-pax", L: "long-path", K: "long-link" };

export function decodeBlock(bytes: Buffer): Block {
	if (bytes.every((byte) => byte === 0)) return { kind: "end", size: 0, flag: "" };
	if (!checksumHolds(bytes)) throw malformed("a header's checksum is wrong");
	const flag = String.fromCharCode(bytes[156] ?? 0);
	// What is only a header has no data, whatever it says (Go's archive/tar does the same).
	const type = TYPES[flag];
	const size = type === undefined || type === "file" || flag === "D" ? numberIn(bytes, "size") : 0;
	if (size === undefined || !Number.isSafeInteger(size) || size < 0 || size > SIZE_LIMIT) {
		throw malformed("an entry's size is impossible");
	}
	return { kind: KINDS[flag] ?? (type ? "entry" : "other"), size, flag };
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

/** 2^33 seconds: the year 2242, and as far back. What lies outside, no file system keeps: docker stores 0. */
const MAX_SECONDS = 2 ** 33;

const nanoseconds = (seconds: number): bigint =>
	Math.abs(seconds) <= MAX_SECONDS ? BigInt(seconds) * 1_000_000_000n : 0n;

/** "1700000000.123456789" → nanoseconds; undefined: there is none. */
export function parsePaxTime(value: string): bigint | undefined {
	const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(value);
	if (!match) return value === "" ? undefined : 0n;
	const whole = nanoseconds(Number(match[2]));
	const part = BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
	return match[1] ? -(whole + part) : whole + part;
}

/** chown(2) takes numbers of 32 bits, the last of which means "leave it". */
const MAX_ID = 2 ** 32 - 2;
/** What the kernel shows for an owner that it has no number for (user_namespaces(7), overflowuid). */
const NOBODY = 65534;

const id = (value: number): number => (value >= 0 && value <= MAX_ID ? value : NOBODY);

const XATTR = "SCHILY.xattr.";

/** Puts a header and its corrections together. */
export function makeEntry(
	block: Block,
	raw: Buffer,
	pax: Pax,
	longPath: string | undefined,
	longLink: string | undefined,
): TarEntry {
	const get = (key: string): string | undefined => {
		const value = pax.get(key);
		return value && text(value);
	};
	const number = (key: string, fallback: number): number => {
		const value = get(key);
		if (value === undefined || value === "") return fallback;
		return /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
	};
	// An empty value takes a record back (pax(1)).
	const name = (key: string): string | undefined => (pax.get(key)?.length ? binary(pax.get(key) ?? raw) : undefined);
	const path = name("GNU.sparse.name") ?? name("path") ?? longPath ?? rawPath(raw);
	const linkpath = name("linkpath") ?? longLink ?? field(raw, 157, 100);
	if (path.includes("\0") || linkpath.includes("\0")) throw malformed("a name holds a NUL");
	const size = number("size", block.size);
	if (!Number.isSafeInteger(size) || size < 0 || size > SIZE_LIMIT) throw malformed("an entry's size is impossible");
	const xattrs = new Map<string, Uint8Array>();
	for (const [key, value] of pax) if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
	let type = TYPES[block.flag] ?? "file";
	if (type === "file" && block.flag !== "7" && path.endsWith("/") && size === 0) type = "directory"; // tar of 1988
	return {
		path,
		type,
		mode: harmless(raw, "mode") & 0o7777,
		uid: id(number("uid", harmless(raw, "uid"))),
		gid: id(number("gid", harmless(raw, "gid"))),
		size: type === "file" || block.flag === "D" ? size : 0,
		mtime: parsePaxTime(get("mtime") ?? "") ?? nanoseconds(harmless(raw, "mtime")),
		linkpath,
		devMajor: harmless(raw, "devMajor"),
		devMinor: harmless(raw, "devMinor"),
		xattrs,
		sparse: sparseOf(block.flag, raw, get),
	};
}
