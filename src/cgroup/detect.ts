/** Chooses the driver for this host. */
import { type CgroupDriver, hierarchies } from "./driver.ts";
import { cgroupV1 } from "./v1.ts";
import { cgroupV2 } from "./v2.ts";

/** undefined: no cgroup file system is mounted; containers run without limits then. */
export function detectCgroups(): CgroupDriver | undefined {
	const found = hierarchies();
	if (found.v1.length > 0) return cgroupV1(found);
	return found.unified ? cgroupV2(found.unified) : undefined;
}
