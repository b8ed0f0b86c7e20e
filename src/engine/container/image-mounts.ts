/** `--mount type=image`: another image's files, to be read. */
import { EngineError } from "../../errors.ts";
import type { MountPoint } from "../../store/container-record.ts";
import type { Engine } from "../engine.ts";
import { findImage, withTag } from "../image/find.ts";

/** Names become IDs: what a name means may change before the container starts. Throws EngineError for an image that is not there. */
export function resolveImageMounts(engine: Engine, mounts: readonly MountPoint[]): MountPoint[] {
	return mounts.map((mount) => {
		if (mount.type !== "image") return mount;
		const image = findImage(engine, mount.source);
		if (!image) throw new EngineError("not-found", `No such image: ${withTag(mount.source)}`);
		const options = mount.options.filter((option) => !option.startsWith("image="));
		return { ...mount, readonly: true, options: [`image=${image.id}`, ...options] };
	});
}
