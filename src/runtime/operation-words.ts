/** The numbers of operations in the words of manual pages. */
import { CLONE_FLAGS } from "./config.ts";
import type { Operation } from "./operations.ts";
import { RLIMITS } from "./rlimits.ts";

export const octal = (mode: number | bigint): string => `0${mode.toString(8)}`;
export const hex = (n: number | bigint): string => `0x${n.toString(16)}`;

/** Its numbers and strings by position; a byte string counts by its length. */
export function partsOf({ numbers, strings }: Operation) {
	return {
		number: (i: number): number => Number(numbers[i] ?? 0),
		big: (i: number): bigint => BigInt(numbers[i] ?? 0),
		string: (i: number): string => String(strings[i] ?? ""),
		length: (i: number): number => strings[i]?.length ?? 0,
	};
}

const KINDS = { mount: "NS", uts: "UTS", ipc: "IPC", network: "NET", cgroup: "CGROUP", pid: "PID" } as const;

function kindsIn(flags: number): (keyof typeof KINDS)[] {
	return (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((kind) => flags & CLONE_FLAGS[kind]);
}

/** "NS", "UTS": the ends of CLONE_NEW…. */
export const cloneNames = (flags: number): string[] => kindsIn(flags).map((kind) => KINDS[kind]);

/** As they are called in /proc/<pid>/ns. */
export const namespaceNames = (flags: number): string =>
	kindsIn(flags)
		.map((kind) => (kind === "mount" ? "mnt" : kind === "network" ? "net" : kind))
		.join(", ");

export const limitName = (resource: number): string =>
	Object.entries(RLIMITS).find(([, number]) => number === resource)?.[0] ?? String(resource);

export function groupsOf({ strings }: Operation): number[] {
	const [bytes] = strings;
	if (!(bytes instanceof Uint8Array)) return [];
	return [...new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];
}

export function attributeNames(attributes: number): string {
	const names = ["RDONLY", "NOSUID", "NODEV", "NOEXEC", "NOATIME", "STRICTATIME", "", "NODIRATIME"];
	return names.filter((name, bit) => name && attributes & (1 << bit)).join("|") || "0";
}
