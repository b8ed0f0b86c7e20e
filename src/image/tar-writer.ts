/**
 * A tar archive, block by block: npm `tar` encodes the header, a PAX record (pax(1)) carries what does not fit one.
 * The same entries always give the same bytes: no names of users, times in whole seconds, as docker writes layers.
 */
import { Header } from "tar";
import type { EntryType } from "./tar-header.ts";

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
}

const TYPES = {
	file: "File",
	directory: "Directory",
	symlink: "SymbolicLink",
	link: "Link",
	char: "CharacterDevice",
	block: "BlockDevice",
	fifo: "FIFO",
} as const;

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

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte > 0 && byte < 0x80);

/** Longest path, link and number that an old header holds without tricks. */
const MAX_NAME = 100;
const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

/** The blocks before an entry's data. */
export function encodeHeader(entry: OutEntry): Buffer {
	const records: [string, Uint8Array][] = [];
	const text = (key: string, value: number) => records.push([key, Buffer.from(String(value))]);
	if (entry.path.length > MAX_NAME || !isAscii(entry.path)) records.push(["path", entry.path]);
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

function block(entry: OutEntry, flag?: "x"): Buffer {
	const header = new Header({
		path: short(entry.path),
		mode: entry.mode & 0o7777,
		uid: fit(entry.uid, MAX_ID),
		gid: fit(entry.gid, MAX_ID),
		size: entry.type === "file" ? fit(entry.size, MAX_SIZE) : 0,
		mtime: new Date(fit(entry.mtime, MAX_SIZE) * 1000),
		type: flag ? "ExtendedHeader" : TYPES[entry.type],
		linkpath: short(entry.linkpath),
		uname: "",
		gname: "",
		devmaj: entry.devMajor,
		devmin: entry.devMinor,
	});
	const bytes = Buffer.alloc(BLOCK);
	header.encode(bytes, 0);
	return bytes;
}

/** Zeros from the end of data of `size` bytes to the next block. */
export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** The end of an archive. */
export const endOfArchive = (): Buffer => Buffer.alloc(2 * BLOCK);
