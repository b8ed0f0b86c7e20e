/**
 * A user namespace that nobody lives in: what maps the ids of a mount's files (mount_setattr(2), "ID-mapped mounts";
 * user_namespaces(7)). A namespace is made with a process; this one waits until its maps are written and its file is open,
 * and ends. The namespace lives on as that descriptor.
 */
import type { Fd } from "../sys/fd.ts";
import { AT_FDCWD, O_RDONLY, openat2 } from "../sys/file.ts";
import { writeFileSync } from "../sys/fs.ts";
import { Launch, monitorOperation } from "./launch.ts";
import { op } from "./operations.ts";

/** With the names of the OCI configuration. Ids `containerID`… on the disk are seen as `hostID`…, and written back as the first. */
export interface IdMapping {
	readonly containerID: number;
	readonly hostID: number;
	readonly size: number;
}

const CLONE_NEWUSER = 0x10000000;

/** Throws SyscallError for maps that the kernel refuses, EngineError where there can be no user namespaces. */
export function newUserNamespace(uids: readonly IdMapping[], gids: readonly IdMapping[]): Fd {
	const monitor = monitorOperation({
		...{ id: "user namespace", liveDir: "", log: "", exit: "", reaper: [], quietMs: 0 },
		...{ terminal: false, stdin: false, stdinOnce: false },
	});
	const launch = new Launch({
		header: { cloneFlags: CLONE_NEWUSER, cgroupFd: -1, pidNamespaceFd: -1 },
		monitor,
		fds: [],
		attachment: undefined,
	});
	let namespace: Fd | undefined;
	try {
		using _launched = launch.run([monitor, op.sync(1, "its ids are mapped"), op.exit()], (pid) => {
			writeFileSync(`/proc/${pid}/uid_map`, mapText(uids));
			writeFileSync(`/proc/${pid}/gid_map`, mapText(gids));
			namespace = openat2(AT_FDCWD, `/proc/${pid}/ns/user`, O_RDONLY);
		});
	} catch (error) {
		namespace?.[Symbol.dispose]();
		launch[Symbol.dispose]();
		throw error;
	}
	if (!namespace) throw new Error("a process started without having been created");
	return namespace;
}

const mapText = (maps: readonly IdMapping[]): string =>
	maps.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
