/** What a container has of another one: `--network`, `--ipc` and `--pid container:ID`. */
import { EngineError } from "../../errors.ts";
import type { ContainerPaths } from "../../paths.ts";
import type { SharedNamespace } from "../../runtime/plan.ts";
import type { Container, HostConfig } from "../../store/container-record.ts";
import { getContainer } from "../../store/containers.ts";
import type { Fd } from "../../sys/fd.ts";
import { AT_FDCWD, readLinkAt } from "../../sys/file.ts";
import { existsSync } from "../../sys/fs.ts";
import { pidfdOpen, startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { sharedNetwork, sharedWith } from "./oci-config.ts";

const FILES = { network: "net", ipc: "ipc" } as const;

/** Throws EngineError where the other container does not run. */
export function sharedNamespaces(engine: Engine, { networkMode, ipcMode }: HostConfig): SharedNamespace[] {
	return [...shared(engine, "network", networkMode), ...shared(engine, "ipc", ipcMode)];
}

function shared(engine: Engine, kind: keyof typeof FILES, mode: string): SharedNamespace[] {
	const other = sharedWith(mode);
	if (other === undefined) return [];
	const { init } = runningContainer(engine, other, kind).state;
	const path = `/proc/${init?.pid}/ns/${FILES[kind]}`;
	const inode = inodeOf(path);
	// The pid was that container's before its file was looked at: if it still is, the file was too.
	if (inode === undefined || !init || startTime(init.pid) !== init.startTime) throw notRunning(other, kind);
	return [{ kind, path, inode }];
}

/** The process whose pid namespace it is born in (setns(2) takes a pidfd); undefined: a new one, or the host's. */
export function sharedPidNamespace(engine: Engine, { pidMode }: HostConfig): Fd | undefined {
	const other = sharedWith(pidMode);
	if (other === undefined) return undefined;
	const { init } = runningContainer(engine, other, "PID").state;
	const pidfd = init ? pidfdOpen(init.pid) : undefined;
	if (pidfd && init && startTime(init.pid) === init.startTime) return pidfd;
	pidfd?.[Symbol.dispose]();
	throw notRunning(other, "PID");
}

/** Where its /dev/shm is on the host; undefined: it has one of its own. */
export function sharedMemory(engine: Engine, { id, config }: Container): string | undefined {
	const { ipcMode } = config.host;
	if (ipcMode === "shareable") return engine.paths.container(id).shm;
	if (ipcMode === "host") return existsSync("/dev/shm") ? "/dev/shm" : undefined;
	const other = sharedWith(ipcMode);
	if (other === undefined) return undefined;
	if (runningContainer(engine, other, "ipc").config.host.ipcMode === "shareable")
		return engine.paths.container(other).shm;
	throw new EngineError(
		"conflict",
		`cannot join IPC of container ${other}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
	);
}

/** "net:[4026532281]" */
function inodeOf(path: string): bigint | undefined {
	try {
		const [, digits] = /\[(\d+)\]$/.exec(readLinkAt(AT_FDCWD, path).toString()) ?? [];
		return digits === undefined ? undefined : BigInt(digits);
	} catch {
		return undefined;
	}
}

const notRunning = (id: string, what: string): EngineError =>
	new EngineError("conflict", `cannot join ${what === "ipc" ? "IPC" : what} of a non running container: ${id}`);

function runningContainer(engine: Engine, id: string, what: string): Container {
	const container = getContainer(engine.db, id);
	if (!container) throw new EngineError("not-found", `No such container: ${id}`);
	if (container.state.status !== "running") throw notRunning(id, what);
	return container;
}

/** The files that tell names are one with the other container's. */
export function sharedFiles(engine: Engine, { networkMode }: HostConfig): Partial<ContainerPaths> {
	const other = sharedNetwork(networkMode);
	if (other === undefined) return {};
	const { hosts, hostname, resolvConf } = engine.paths.container(other);
	return { hosts, hostname, resolvConf };
}
