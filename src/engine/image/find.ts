/** Finding images by what users type. */
import { EngineError } from "../../errors.ts";
import { canonical, EMBEDDED_REFERENCE, familiar, parseReference } from "../../image/reference/reference.ts";
import { type ImageConfig, ImageConfig as ImageConfigSchema, parseDocument } from "../../image/reference/spec.ts";
import { getImage, type ImageRecord, imageOfReference, imagesByPrefix } from "../../store/images.ts";
import { consistsOf, HEX_DIGITS } from "../../sys/text.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../identifiers.ts";

export function configOf(image: ImageRecord): ImageConfig {
	return parseDocument(ImageConfigSchema, image.config, `configuration of image ${shortId(image.id)}`);
}

/** The digits of what may be an ID or its beginning: "sha256:4bcff6", "4bcff6". */
export function idPrefix(text: string): string | undefined {
	const digits = text.startsWith("sha256:") ? text.slice("sha256:".length) : text;
	const mayBe = digits.length >= 2 && digits.length <= 64 && consistsOf(digits, HEX_DIGITS);
	return mayBe ? digits : undefined;
}

/** An image by reference, or by (a prefix of) its ID; undefined if it is not here. */
export function findImage(engine: Engine, text: string): ImageRecord | undefined {
	const prefix = idPrefix(text);
	if (!text.startsWith("sha256:") && !(prefix?.length === 64)) {
		const reference = parseReference(text);
		// "name:tag@digest" is found by its digest.
		const id = imageOfReference(engine.db, canonical(reference));
		if (id) return getImage(engine.db, id);
	}
	if (!prefix) return undefined;
	const found = imagesByPrefix(engine.db, prefix);
	if (found.length > 1) throw new EngineError("invalid", `multiple IDs found with provided prefix: ${prefix}`);
	return found[0];
}

/** The same; the image that this program carries is imported when it is asked for the first time. */
export async function findOrImport(engine: Engine, text: string): Promise<ImageRecord | undefined> {
	const found = findImage(engine, text);
	if (found || idPrefix(text) || canonical(parseReference(text)) !== EMBEDDED_REFERENCE) return found;
	const { importEmbedded } = await import("../../image/embedded/embedded.ts"); // brings the unpacker along
	const id = await importEmbedded(engine.db, engine.paths);
	return id === undefined ? undefined : getImage(engine.db, id);
}

/** "alpine:latest" for messages: what was typed with its tag. */
export function withTag(text: string): string {
	const reference = parseReference(text);
	return familiar(canonical(reference));
}
