/** Capabilities by name (capabilities(7), include/uapi/linux/capability.h) and docker's default set. Pure. */
import { EngineError } from "../errors.ts";

/** In the order of their numbers. */
export const CAPABILITIES = [
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
] as const;

export type Capability = (typeof CAPABILITIES)[number];

const DEFAULT: readonly Capability[] = [
	"CHOWN",
	"DAC_OVERRIDE",
	"FSETID",
	"FOWNER",
	"MKNOD",
	"NET_RAW",
	"SETGID",
	"SETUID",
	"SETFCAP",
	"SETPCAP",
	"NET_BIND_SERVICE",
	"SYS_CHROOT",
	"KILL",
	"AUDIT_WRITE",
];

function maskOf(names: readonly Capability[]): bigint {
	let mask = 0n;
	for (const name of names) mask |= 1n << BigInt(CAPABILITIES.indexOf(name));
	return mask;
}

const ALL = (1n << BigInt(CAPABILITIES.length)) - 1n;

/** "cap_net_admin", "NET_ADMIN" → a name of the table, "ALL" as itself. */
function parseCapability(text: string, option: "CapAdd" | "CapDrop"): Capability | "ALL" {
	const name = text.toUpperCase().replace(/^CAP_/, "");
	if (name === "ALL") return "ALL";
	const known = CAPABILITIES.find((capability) => capability === name);
	if (!known) throw new EngineError("invalid", `invalid ${option}: unknown capability: "CAP_${name}"`);
	return known;
}

/**
 * docker's rules: privileged means all; ALL on either side sets the start, the names of the other side change it.
 * What the engine itself does not have (`available`, from its bounding set) cannot be given.
 */
export function containerCapabilities(
	options: { readonly privileged: boolean; readonly add: readonly string[]; readonly drop: readonly string[] },
	available: bigint,
): bigint {
	if (options.privileged) return ALL & available;
	const add = options.add.map((name) => parseCapability(name, "CapAdd"));
	const drop = options.drop.map((name) => parseCapability(name, "CapDrop"));
	let mask = add.includes("ALL") ? ALL : drop.includes("ALL") ? 0n : maskOf(DEFAULT);
	if (!add.includes("ALL")) mask |= maskOf(add.filter((name) => name !== "ALL"));
	mask &= ~maskOf(drop.filter((name) => name !== "ALL"));
	return mask & available;
}

export const hasCapability = (mask: bigint, name: Capability): boolean => (mask & maskOf([name])) !== 0n;
