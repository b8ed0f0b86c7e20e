/** Where a container may have what mounted. */
import { EngineError } from "../../errors.ts";
import type { MountPoint } from "../../store/container-record.ts";
import { existsSync } from "../../sys/fs.ts";

/** Files of /proc that something like lxcfs may mount its own over (runc has the same list). */
const IN_PROC = new Set(
	"cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid sys/crypto/fips_enabled"
		.split(" ")
		.map((name) => `/proc/${name}`),
);

/** Throws EngineError for mounts that a container cannot have. */
export function checkMounts(mounts: readonly MountPoint[]): void {
	const seen = new Set<string>();
	for (const { type, source, destination, createSource } of mounts) {
		if (destination === "/") throw new EngineError("invalid", "invalid volume specification: destination can't be '/'");
		if (seen.has(destination)) throw new EngineError("invalid", `Duplicate mount point: ${destination}`);
		seen.add(destination);
		// Who decides what is in /proc decides what masks, limits and sysctls mean.
		if (`${destination}/`.startsWith("/proc/") && !IN_PROC.has(destination)) {
			throw new EngineError("invalid", `"${destination}" cannot be mounted because it is inside /proc`);
		}
		if (type === "bind" && !createSource && !existsSync(source)) {
			throw new EngineError(
				"invalid",
				`invalid mount config for type "bind": bind source path does not exist: ${source}`,
			);
		}
	}
}
