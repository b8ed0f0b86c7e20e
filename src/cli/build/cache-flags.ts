/** `--cache-from` and `--cache-to`: where results of builds come from, and where they go. */
import type { BuiltImage } from "../../build/built-image.ts";
import type { CacheSource } from "../../build/cache/cache.ts";
import { withInlineCache } from "../../build/cache/cache-document.ts";
import { type Progress, Vertices } from "../../build/session/progress.ts";
import { type CacheMode, exportToDirectory, exportToRegistry, recordsFor } from "../../engine/build/cache-export.ts";
import { localCache, registryCache } from "../../engine/build/cache-import.ts";
import { readConfig } from "../../engine/config.ts";
import type { Engine } from "../../engine/engine.ts";
import type { RegistryAccess } from "../../engine/registry-access.ts";
import { EngineError, messageOf } from "../../errors.ts";
import { parseReference } from "../../image/reference/reference.ts";
import type { Context } from "../command/command.ts";
import { parseCsv } from "../flags/parse-csv.ts";
import { credentialsOf } from "../image/credentials.ts";

type Place =
	| { readonly type: "local"; readonly directory: string; readonly mode: CacheMode }
	| { readonly type: "registry"; readonly reference: string; readonly mode: CacheMode }
	| { readonly type: "inline" };

/** What both flags may say beside the place; the cache always is an OCI image manifest. */
const ALWAYS_SO = new Set(["oci-mediatypes=true", "image-manifest=true"]);

export function parseCachePlace(text: string, which: "from" | "to"): Place {
	if (!text.includes("=")) return { type: "registry", reference: text, mode: "min" };
	const fields = parseCsv(text).map((field): [string, string] => {
		const equals = field.indexOf("=");
		if (equals < 0) throw new EngineError("usage", `invalid value ${field}`);
		return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
	});
	const given = new Map(fields.filter(([name, value]) => !ALWAYS_SO.has(`${name}=${value}`)));
	const type = given.get("type");
	const wherever = type === "local" ? (which === "from" ? "src" : "dest") : "ref";
	const known = ["type", ...(type === "inline" ? [] : [wherever]), ...(which === "to" ? ["mode"] : [])];
	const strange = [...given.keys()].find((name) => !known.includes(name));
	if (strange !== undefined) {
		throw new EngineError("usage", `--cache-${which}: "${strange}" is not supported for type=${type}`);
	}
	const mode = given.get("mode") ?? "min";
	if (mode !== "min" && mode !== "max") throw new EngineError("usage", `--cache-to: mode is min or max, not "${mode}"`);
	if (type === "inline" && which === "to") return { type };
	const place = given.get(wherever);
	if (type !== "local" && type !== "registry") {
		throw new EngineError("usage", `--cache-${which}: type "${type ?? ""}" is not supported: use local or registry`);
	}
	if (!place) throw new EngineError("usage", `--cache-${which}: ${wherever} is required for type=${type}`);
	return type === "local" ? { type, directory: place, mode } : { type, reference: place, mode };
}

const accessOf = (context: Context): RegistryAccess => ({
	insecureRegistries: readConfig().insecureRegistries,
	credentials: credentialsOf(context),
});

/** A cache that cannot be had makes a build slower, not wrong. */
export async function openCaches(
	engine: Engine,
	context: Context,
	texts: readonly string[],
	progress: Progress,
): Promise<CacheSource[]> {
	const vertices = new Vertices(progress);
	const open = async (place: Place): Promise<CacheSource[]> => {
		if (place.type === "inline") return [];
		const name = place.type === "local" ? place.directory : place.reference;
		try {
			const value = await vertices.run(`importing cache manifest from ${name}`, async () => ({
				value: place.type === "local" ? localCache(engine, name) : await registryCache(engine, name, accessOf(context)),
				cached: false,
			}));
			return [value];
		} catch (error) {
			progress.warn(`cache of ${name} is not used: ${messageOf(error)}`);
			return [];
		}
	};
	return (await Promise.all(texts.map((text) => parseCachePlace(text, "from")).map(open))).flat();
}

/** `type=inline` becomes part of the image. */
export function addInlineCache(image: BuiltImage, texts: readonly string[]): BuiltImage {
	if (!texts.some((text) => parseCachePlace(text, "to").type === "inline")) return image;
	return { ...image, config: withInlineCache(image.config, recordsFor(image, "min"), image.layers) };
}

export async function exportCaches(
	engine: Engine,
	context: Context,
	images: readonly BuiltImage[],
	texts: readonly string[],
	progress: Progress,
): Promise<void> {
	const vertices = new Vertices(progress);
	for (const place of texts.map((text) => parseCachePlace(text, "to"))) {
		if (place.type === "inline") continue;
		await vertices.run(`exporting cache to ${place.type}`, async () => {
			if (place.type === "local") await exportToDirectory(engine, images, place.directory, place.mode);
			else await exportToRegistry(engine, images, parseReference(place.reference), place.mode, accessOf(context));
			return { value: undefined, cached: false };
		});
	}
}
