/** What an image's VOLUMEs add to a container's mounts. */
import type { ImageConfig } from "../../image/reference/spec.ts";
import type { MountPoint } from "../../store/container-record.ts";
import { newId } from "../identifiers.ts";

/** A VOLUME of the image becomes an anonymous volume, unless the user mounts something there. */
export function withImageVolumes(mounts: readonly MountPoint[], image: ImageConfig): MountPoint[] {
	const all = mounts.map((mount) =>
		mount.type === "volume" && mount.source === "" ? { ...mount, source: newId(), anonymous: true } : mount,
	);
	for (const destination of Object.keys(image.config?.Volumes ?? {})) {
		const clean = destination.replace(/\/+$/, "") || "/";
		if (clean === "/" || all.some((mount) => mount.destination === clean)) continue;
		all.push({
			type: "volume",
			source: newId(),
			destination: clean,
			readonly: false,
			options: [],
			anonymous: true,
			createSource: false,
			listed: true,
		});
	}
	return all;
}
