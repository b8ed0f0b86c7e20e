/**
 * The story of a container's birth, and the file to read first. An OCI runtime configuration is compiled into a plan:
 * every system call between clone3(2) and execve(2), in order, with its reason. Nothing is done here. init
 * (native/init.c) does it, inside the new namespaces, where a JavaScript runtime cannot run.
 *
 * The order is the lesson: each step needs what the ones before it made, and takes away what the ones after it must
 * not have. Mounts need the host's paths, so they come before pivot_root; dropping capabilities comes after
 * everything that needs them; execve comes last.
 */
import { withAck } from "../sys/netlink-message.ts";
import { linkUpMessage } from "../sys/rtnetlink-message.ts";
import { CLONE_FLAGS, type NamespaceKind, type RuntimeConfig } from "./config.ts";
import { type Operation, op } from "./operations.ts";
import { identity, program } from "./plan-identity.ts";
import { type RootfsInputs, rootfs } from "./plan-rootfs.ts";
import { RLIMITS } from "./rlimits.ts";

/** What the rest of the program has made ready for this container. */
export interface PlanInputs extends RootfsInputs {
	/** Strings and flags of the monitor's configuration. */
	readonly monitor: Operation;
	/** Files of cgroups (`tasks`) that init joins by itself (cgroup v1; on v2 it is born in its cgroup). */
	readonly cgroupJoins: readonly string[];
	/** Messages for the inside of a bridged network, and how many; undefined without one. */
	readonly network: { readonly messages: Uint8Array; readonly count: number; readonly text: string } | undefined;
	/** Namespaces of other processes that it shares. */
	readonly shared: readonly SharedNamespace[];
	/** What is done from outside while init mounts; undefined: nothing that init would have to wait for. */
	readonly meanwhile: string | undefined;
	/** --init */
	readonly initProcess: boolean;
}

/** As /proc/<pid>/ns/<name> has it (namespaces(7)). */
export interface SharedNamespace {
	readonly kind: NamespaceKind;
	readonly path: string;
	readonly inode: bigint;
}

/** All namespaces but cgroup's are made by clone3(2) itself. */
export function cloneFlags(kinds: readonly NamespaceKind[]): number {
	let flags = 0;
	for (const kind of kinds) if (kind !== "cgroup") flags |= CLONE_FLAGS[kind];
	return flags;
}

/** Compiles the plan of a new container. */
export function compilePlan(config: RuntimeConfig, inputs: PlanInputs): Operation[] {
	const plan: Operation[] = [inputs.monitor];
	const has = (kind: NamespaceKind): boolean => config.linux.namespaces.includes(kind);

	// 1. Limits first: from here on everything, the mounts too, is counted to the container.
	for (const file of inputs.cgroupJoins) plan.push(op.write(file, "0", "join the cgroup: 0 means the writer"));
	// cgroup_namespaces(7): the new namespace's root is the cgroup its maker is in, so this comes after joining.
	if (has("cgroup")) plan.push(op.unshare(CLONE_FLAGS.cgroup, "cgroup"));
	// Written even when it is 0: the caller's own would be inherited.
	plan.push(op.write("/proc/self/oom_score_adj", String(config.process.oomScoreAdj), "--oom-score-adj"));

	// Before sysfs is mounted, which shows the network that its mounter is in.
	for (const { kind, path, inode } of inputs.shared) {
		plan.push(op.join(path, CLONE_FLAGS[kind], inode, `the ${kind} namespace of the other container`));
	}

	// 2. The root file system, still beside the host's.
	plan.push(...rootfs(config, inputs));

	// 3. Its own name.
	if (has("uts")) {
		plan.push(op.sethostname(config.hostname));
		if (config.domainname) plan.push(op.setdomainname(config.domainname));
	}

	// 4. While init mounted, NanoContainer worked from outside: now that must be done. Then the network.
	if (inputs.meanwhile) plan.push(op.sync(1, inputs.meanwhile));
	if (has("network")) {
		if (inputs.network) {
			const { messages, count, text } = inputs.network;
			plan.push(op.netlink(messages, count, text));
		} else {
			plan.push(op.netlink(withAck(linkUpMessage(1)), 1, "lo up: loopback only"));
		}
	}

	// 5. The host goes out of sight.
	plan.push(op.pivotRoot());

	// 6. A session and its streams. setsid(2) before the terminal: only a session leader gets a controlling one.
	plan.push(op.setsid(), op.stdio(config.process.user.uid, config.process.user.gid));
	for (const { type, soft, hard } of config.process.rlimits) {
		plan.push(op.setrlimit(RLIMITS[type] ?? -1, soft, hard));
	}

	// 7. Rights are given up, and the program starts.
	plan.push(...identity(config.process, config.linux.seccomp));
	if (inputs.initProcess) plan.push(op.init());
	plan.push(...program(config.process));
	return plan;
}
