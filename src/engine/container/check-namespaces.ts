/** What goes together of the namespaces that a container is given. */
import { EngineError } from "../../errors.ts";
import type { HostConfig } from "../../store/container-record.ts";
import { sharedWith } from "../plan/oci-config.ts";

/** Its name is this host's. */
export const hasHostName = ({ networkMode, utsMode }: HostConfig): boolean =>
	networkMode === "host" || utsMode === "host";

const OF_IPC = /^(kernel\.(msg|sem|shm)|fs\.mqueue\.)/;

/** A sysctl that belongs to a namespace may be set where that is the container's own. Throws EngineError. */
export function checkNamespaces({ networkMode, ipcMode, sysctls }: HostConfig): void {
	for (const name in sysctls) {
		const isOfNetwork = name.startsWith("net.");
		const mode = isOfNetwork ? networkMode : OF_IPC.test(name) ? ipcMode : "";
		if (mode !== "host" && sharedWith(mode) === undefined) continue;
		const whose = mode === "host" ? "host" : "another container's";
		throw new EngineError(
			"invalid",
			`sysctl "${name}" not allowed in ${whose} ${isOfNetwork ? "network" : "ipc"} namespace`,
		);
	}
}
