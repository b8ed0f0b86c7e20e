/**
 * An initramfs is a cpio archive in the "newc" format (Linux: Documentation/driver-api/early-userspace/
 * buffer-format.rst), which the kernel unpacks into its first root: for each file a header of hexadecimal numbers, the
 * name, the bytes.
 */

export interface CpioEntry {
	/** "etc/passwd": no slash in front. */
	readonly name: string;
	/** With the type: 0o100755 a program, 0o040755 a directory, 0o120777 a link, 0o020600 a device. */
	readonly mode: number;
	/** A link's: its target. */
	readonly bytes?: Uint8Array;
	readonly device?: { readonly major: number; readonly minor: number };
}

const padding = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4);

function encodeEntry(entry: CpioEntry, inode: number): Buffer {
	const { name, mode, bytes = new Uint8Array(), device = { major: 0, minor: 0 } } = entry;
	const nameBytes = Buffer.from(`${name}\0`);
	const fields = [
		...[inode, mode, 0, 0, 1, 0, bytes.length], // inode, mode, uid, gid, links, time, size
		...[0, 0, device.major, device.minor, nameBytes.length, 0], // its disk, its device, length of the name, checksum
	];
	const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
	const head = Buffer.concat([header, nameBytes]);
	return Buffer.concat([head, padding(head.length), bytes, padding(bytes.length)]);
}

/** The archive. Directories must come before what is in them. */
export function encodeCpio(entries: readonly CpioEntry[]): Buffer {
	const trailer = { name: "TRAILER!!!", mode: 0 };
	return Buffer.concat([...entries, trailer].map((entry, i) => encodeEntry(entry, i + 1)));
}

export const directory = (name: string, mode = 0o755): CpioEntry => ({ name, mode: 0o040000 | mode });
export const file = (name: string, bytes: Uint8Array | string, mode = 0o644): CpioEntry => ({
	name,
	mode: 0o100000 | mode,
	bytes: Buffer.from(bytes as Uint8Array),
});
export const link = (name: string, target: string): CpioEntry => ({
	name,
	mode: 0o120777,
	bytes: Buffer.from(target),
});
