/** `tag`: a further name for an image; who had it before has it no more. */
import { EngineError } from "../../errors.ts";
import { canonical, parseReference } from "../../image/reference/reference.ts";
import { putTag } from "../../store/images.ts";
import type { Engine } from "../engine.ts";
import { findImage, idPrefix, withTag } from "./find.ts";

/** Throws EngineError where there is no such image, or the name can be none. */
export function tagImage(engine: Engine, source: string, target: string): void {
	const reference = parseReference(target);
	if (target.includes("@")) throw new EngineError("invalid", "refusing to create a tag with a digest reference");
	const image = findImage(engine, source);
	if (!image) throw new EngineError("not-found", `No such image: ${idPrefix(source) ? source : withTag(source)}`);
	engine.transaction(() => putTag(engine.db, canonical(reference), image.id));
}
