/**
 * A tar archive, block by block: a header as POSIX has it (ustar, pax(1)), and a PAX record for what does not fit one.
 * The same entries always give the same bytes: no names of users, times in whole seconds, as docker writes layers. Layers
 * have many small files: encoding a header must not take longer than reading one.
 */
import type { EntryType } from "./header.ts";

const BLOCK = 512;

export interface OutEntry {
	/** Without a leading slash; UTF-8 or whatever bytes the file system has. */
	readonly path: Buffer;
	readonly type: EntryType;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly size: number;
	/** Seconds since 1970. */
	readonly mtime: number;
	readonly linkpath: Buffer;
	readonly devMajor: number;
	readonly devMinor: number;
	readonly xattrs: ReadonlyMap<string, Uint8Array>;
	/** Of a file with holes: its whole size. Its data begins with the map of what is there (encodeMap()), which `size` counts. */
	readonly realSize?: number;
}

/** The byte that tells the type. */
const TYPES = { file: "0", link: "1", symlink: "2", char: "3", block: "4", directory: "5", fifo: "6" } as const;
const PAX = "x";

/** An entry of its simplest kind, to be varied. */
export const plainEntry = (path: string, size: number): OutEntry => ({
	path: Buffer.from(path),
	type: "file",
	mode: 0o644,
	uid: 0,
	gid: 0,
	size,
	mtime: 0,
	linkpath: Buffer.alloc(0),
	devMajor: 0,
	devMinor: 0,
	xattrs: new Map(),
});

const isAscii = (bytes: Buffer): boolean => /^[\x01-\x7f]*$/.test(bytes.toString("latin1"));

/** Longest path, link and number that an old header holds without tricks. */
const MAX_NAME = 100;
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

/** The blocks before an entry's data. */
export function encodeHeader(entry: OutEntry): Buffer {
	const records: [string, Uint8Array][] = [];
	const text = (key: string, value: number) => records.push([key, Buffer.from(String(value))]);
	if (entry.realSize !== undefined) {
		// GNU's format 1.0 (tar manual, Sparse Formats); the header's own name is for those who do not know it.
		for (const [key, value] of Object.entries({ major: "1", minor: "0", realsize: String(entry.realSize) })) {
			records.push([`GNU.sparse.${key}`, Buffer.from(value)]);
		}
		records.push(["GNU.sparse.name", entry.path]);
	} else if (entry.path.length > MAX_NAME || !isAscii(entry.path)) records.push(["path", entry.path]);
	if (entry.linkpath.length > MAX_NAME || !isAscii(entry.linkpath)) records.push(["linkpath", entry.linkpath]);
	if (entry.uid > MAX_ID) text("uid", entry.uid);
	if (entry.gid > MAX_ID) text("gid", entry.gid);
	if (entry.size > MAX_SIZE) text("size", entry.size);
	if (entry.mtime < 0 || entry.mtime > MAX_SIZE) text("mtime", entry.mtime);
	for (const [name, value] of [...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
		records.push([`SCHILY.xattr.${name}`, value]);
	}
	const header = block(entry);
	if (records.length === 0) return header;
	const data = Buffer.concat(records.map(([key, value]) => encodeRecord(key, value)));
	const name = `PaxHeaders.0/${entry.path
		.subarray(0, 80)
		.toString("latin1")
		.replace(/[^ -~]/g, "_")}`;
	const pax = block({ ...plainEntry(name, data.length), mtime: entry.mtime }, "x");
	return Buffer.concat([pax, data, padding(data.length), header]);
}

/** "length key=value\n", where the length counts itself. */
function encodeRecord(key: string, value: Uint8Array): Buffer {
	const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
	let length = rest.length + 1;
	while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
	return Buffer.concat([Buffer.from(String(length)), rest]);
}

const fit = (n: number, max: number): number => (n >= 0 && n <= max ? n : 0);
const short = (bytes: Buffer): string =>
	bytes
		.subarray(0, MAX_NAME)
		.toString("latin1")
		.replace(/[^\x01-\x7e]/g, "_");

/** Where the fields of a header are, and how long. */
const FIELDS = {
	path: 0,
	mode: [100, 8],
	uid: [108, 8],
	gid: [116, 8],
	size: [124, 12],
	mtime: [136, 12],
	checksum: [148, 8],
	type: 156,
	linkpath: 157,
	magic: 257,
	devMajor: [329, 8],
	devMinor: [337, 8],
} as const;

function block(entry: OutEntry, flag?: typeof PAX): Buffer {
	const bytes = Buffer.alloc(BLOCK);
	let sum = 8 * 0x20; // the checksum's own field counts as blanks
	const text = (at: number, value: string) => {
		bytes.write(value, at, "latin1");
		for (let i = 0; i < value.length; i++) sum += value.charCodeAt(i);
	};
	const number = ([at, length]: readonly [number, 8 | 12], value: number) => {
		const digits = octal(value, length);
		bytes.write(digits.text, at, "latin1");
		sum += digits.sum;
	};
	const path = short(entry.path);
	// A slash at the end makes a directory of a file (as in the tar of Unix V7), also where one was cut off there.
	text(FIELDS.path, entry.type !== "directory" && path.endsWith("/") ? `${path.slice(0, -1)}_` : path);
	number(FIELDS.mode, entry.mode & 0o7777);
	number(FIELDS.uid, fit(entry.uid, MAX_ID));
	number(FIELDS.gid, fit(entry.gid, MAX_ID));
	number(FIELDS.size, entry.type === "file" ? fit(entry.size, MAX_SIZE) : 0);
	number(FIELDS.mtime, fit(entry.mtime, MAX_SIZE));
	text(FIELDS.type, flag ?? TYPES[entry.type]);
	if (entry.linkpath.length) text(FIELDS.linkpath, short(entry.linkpath));
	text(FIELDS.magic, "ustar\x0000");
	number(FIELDS.devMajor, entry.devMajor);
	number(FIELDS.devMinor, entry.devMinor);
	const [at, length] = FIELDS.checksum;
	bytes.write(octalText(sum, length), at, "latin1");
	return bytes;
}

/** A number as a header has it, with the sum of its characters. Most come again and again: owners, modes, times. */
interface Digits {
	readonly text: string;
	readonly sum: number;
}
const known = { 8: new Map<number, Digits>(), 12: new Map<number, Digits>() };
const MOST_KNOWN = 1000;

function octal(value: number, length: 8 | 12): Digits {
	const found = known[length].get(value);
	if (found) return found;
	const text = octalText(value, length);
	let sum = 0;
	for (let i = 0; i < text.length; i++) sum += text.charCodeAt(i);
	const digits = { text, sum };
	if (known[length].size < MOST_KNOWN) known[length].set(value, digits);
	return digits;
}

/** Digits, a blank and a NUL; the blank gives way to a digit more. */
function octalText(value: number, length: number): string {
	const digits = value.toString(8);
	return digits.length === length - 1 ? `${digits}\0` : `${digits.padStart(length - 2, "0")} \0`;
}

/** Where the data of a file with holes belongs: numbers of lines, up to a whole block. */
export function encodeMap(pieces: readonly (readonly [offset: number, length: number])[]): Buffer {
	const text = `${[pieces.length, ...pieces.flat()].join("\n")}\n`;
	return Buffer.concat([Buffer.from(text), padding(text.length)]);
}

/** Zeros from the end of data of `size` bytes to the next block. */
export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** The end of an archive. */
export const endOfArchive = (): Buffer => Buffer.alloc(2 * BLOCK);
