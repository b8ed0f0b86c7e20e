/**
 * The part of the OCI runtime configuration that is supported (runtime-spec config.md, config-linux.md), as types,
 * with the same names. The engine makes it from docker's options; the plan is compiled from it.
 */

export interface RuntimeConfig {
	readonly ociVersion: string;
	readonly hostname: string;
	readonly domainname: string;
	readonly root: { readonly readonly: boolean };
	readonly process: ProcessConfig;
	/** In the order they are mounted. */
	readonly mounts: readonly Mount[];
	readonly linux: LinuxConfig;
}

export interface ProcessConfig {
	readonly terminal: boolean;
	readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
	readonly args: readonly string[];
	/** NAME=value */
	readonly env: readonly string[];
	readonly cwd: string;
	readonly umask: number;
	readonly capabilities: CapabilitySets;
	readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
	readonly noNewPrivileges: boolean;
	readonly oomScoreAdj: number;
}

/** Bit n is capability n (capabilities(7)). */
export interface CapabilitySets {
	readonly bounding: bigint;
	readonly effective: bigint;
	readonly permitted: bigint;
	readonly inheritable: bigint;
	readonly ambient: bigint;
}

export interface Mount {
	readonly destination: string;
	/** A file system type, "bind", or "remount": new flags for what is mounted there already. */
	readonly type: string;
	/** For "bind": a path of the host. */
	readonly source: string;
	/** The directory of the host in which the source is resolved, as "/" would be. */
	readonly root?: string;
	/** fstab words: "ro", "nosuid", "rbind", "rslave", "size=64m". */
	readonly options: readonly string[];
	/** A path of the user namespace that maps the ids of its files; the OCI configuration has the maps themselves. */
	readonly idMap?: string;
	/** Whether the destination, if it has to be made for a bind, is a file. */
	readonly file?: boolean;
	/** The user's own, not one of ours that the container's safety hangs on. */
	readonly asked?: boolean;
}

export interface LinuxConfig {
	/** Kinds (namespaces(7)) that the container gets new ones of. */
	readonly namespaces: readonly NamespaceKind[];
	readonly devices: readonly Device[];
	readonly sysctl: Readonly<Record<string, string>>;
	readonly maskedPaths: readonly string[];
	readonly readonlyPaths: readonly string[];
	/** The seccomp filter as BPF instructions; undefined: none. */
	readonly seccomp: Uint8Array | undefined;
}

export type NamespaceKind = "pid" | "uts" | "ipc" | "mount" | "network" | "cgroup";

export interface Device {
	readonly path: string;
	readonly type: "c" | "b";
	readonly major: number;
	readonly minor: number;
	/** Permission bits. */
	readonly fileMode: number;
}

/** clone(2) flags. */
export const CLONE_FLAGS: Readonly<Record<NamespaceKind, number>> = {
	mount: 0x00020000,
	cgroup: 0x02000000,
	uts: 0x04000000,
	ipc: 0x08000000,
	pid: 0x20000000,
	network: 0x40000000,
};
