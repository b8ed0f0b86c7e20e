/**
 * The kernel modules of containers. On most hosts the kernel loads one when it is asked for what is in it, by modprobe(8);
 * a minimal machine has no modprobe, and the first command after a boot does it.
 */
import { CONTAINER_MODULES, kernelLoadsModules, loadModules } from "../boot/modules.ts";
import { debug } from "../log.ts";
import { writeFileSync } from "../sys/fs.ts";
import { kernelRelease } from "../sys/kernel.ts";

/** Makes `marker` once there is nothing more to load; until then modules may still be brought to the machine. */
export async function loadWhatContainersNeed(marker: string): Promise<void> {
	if (!canLoad()) {
		const { complete, problems } = await loadModules(kernelRelease(), CONTAINER_MODULES);
		for (const problem of problems) debug("modules", () => problem);
		if (!complete) return;
	}
	writeFileSync(marker, "");
}

/** True too where that cannot be known: a kernel without modules, or no /proc. */
function canLoad(): boolean {
	try {
		return kernelLoadsModules();
	} catch {
		return true;
	}
}
