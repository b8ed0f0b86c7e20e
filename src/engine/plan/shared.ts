/** What a container has of another one: `--network container:ID`. */
import { EngineError } from "../../errors.ts";
import type { ContainerPaths } from "../../paths.ts";
import type { SharedNamespace } from "../../runtime/plan.ts";
import type { Container, HostConfig } from "../../store/container-record.ts";
import { getContainer } from "../../store/containers.ts";
import { AT_FDCWD, readLinkAt } from "../../sys/file.ts";
import { startTime } from "../../sys/process.ts";
import type { Engine } from "../engine.ts";
import { sharedNetwork } from "./oci-config.ts";

/** Throws EngineError where the other container does not run. */
export function sharedNamespaces(engine: Engine, { networkMode }: HostConfig): SharedNamespace[] {
	const other = sharedNetwork(networkMode);
	if (other === undefined) return [];
	const { init } = runningContainer(engine, other).state;
	const path = `/proc/${init?.pid}/ns/net`;
	const inode = inodeOf(path);
	// The pid was that container's before its file was looked at: if it still is, the file was too.
	if (inode === undefined || !init || startTime(init.pid) !== init.startTime) throw notRunning(other);
	return [{ kind: "network", path, inode }];
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

const notRunning = (id: string): EngineError =>
	new EngineError("conflict", `cannot join network of a non running container: ${id}`);

function runningContainer(engine: Engine, id: string): Container {
	const container = getContainer(engine.db, id);
	if (!container) throw new EngineError("not-found", `No such container: ${id}`);
	if (container.state.status !== "running") throw notRunning(id);
	return container;
}

/** The files that tell names are one with the other container's. */
export function sharedFiles(engine: Engine, { networkMode }: HostConfig): Partial<ContainerPaths> {
	const other = sharedNetwork(networkMode);
	if (other === undefined) return {};
	const { hosts, hostname, resolvConf } = engine.paths.container(other);
	return { hosts, hostname, resolvConf };
}
