/** `images`: a row for each name of each image, by docker's filters. */
import { EngineError } from "../../errors.ts";
import { splitFamiliar } from "../../image/reference/reference.ts";
import { anyBut, anything, literal, Pattern } from "../../match.ts";
import { digestsOf, type ImageRecord, listImages, tagsOf } from "../../store/images.ts";
import type { Engine } from "../engine.ts";
import { configOf, findImage } from "./find.ts";

export interface ImageRow {
	readonly id: string;
	readonly repository: string;
	readonly tag: string;
	readonly digest: string;
	readonly created: number;
	readonly size: number;
}

const KEYS = ["dangling", "label", "before", "since", "reference", "until"];

export function listImageRows(
	engine: Engine,
	options: { readonly pattern: string | undefined; readonly filters: ReadonlyMap<string, readonly string[]> },
): ImageRow[] {
	for (const key of options.filters.keys()) {
		if (!KEYS.includes(key)) throw new EngineError("invalid", `invalid filter '${key}'`);
	}
	return listImages(engine.db)
		.filter((image) => imageMatches(engine, image, options.filters))
		.flatMap((image) => rowsOf(engine, image))
		.filter(rowFilter(options.pattern, options.filters.get("reference")));
}

function rowsOf(engine: Engine, image: ImageRecord): ImageRow[] {
	const base = { id: image.id, created: image.created, size: image.size };
	const digests = digestsOf(engine.db, image.id).map(splitFamiliar);
	const tags = tagsOf(engine.db, image.id).map(splitFamiliar);
	const rows = tags.map(({ repository, tag }) => ({
		...base,
		repository,
		tag,
		digest: digests.find((entry) => entry.repository === repository)?.digest ?? "",
	}));
	if (rows.length) return rows;
	if (digests.length) return digests.map(({ repository, digest }) => ({ ...base, repository, tag: "", digest }));
	return [{ ...base, repository: "", tag: "", digest: "" }];
}

function imageMatches(engine: Engine, image: ImageRecord, filters: ReadonlyMap<string, readonly string[]>): boolean {
	const dangling = filters.get("dangling")?.[0];
	if (dangling !== undefined && !["true", "false", "1", "0"].includes(dangling)) {
		throw new EngineError("invalid", `invalid filter 'dangling=${dangling}'`);
	}
	if (
		dangling !== undefined &&
		(tagsOf(engine.db, image.id).length === 0) !== (dangling === "true" || dangling === "1")
	)
		return false;
	const labels = configOf(image).config?.Labels ?? {};
	for (const value of filters.get("label") ?? []) {
		const [key = "", wanted] = value.split(/=(.*)/s);
		if (!Object.hasOwn(labels, key) || (wanted !== undefined && labels[key] !== wanted)) return false;
	}
	const createdOf = (name: string): number => {
		const found = findImage(engine, name);
		if (!found) throw new EngineError("not-found", `No such image: ${name}`);
		return found.created;
	};
	const before = filters.get("before")?.[0];
	if (before !== undefined && image.created >= createdOf(before)) return false;
	const since = filters.get("since")?.[0];
	if (since !== undefined && image.created <= createdOf(since)) return false;
	const until = filters.get("until")?.[0];
	return until === undefined || image.created < Date.parse(until);
}

/** A glob over the familiar name; "*" stops at "/". Without a tag in it, every tag fits. */
function familiarPattern(glob: string): (row: ImageRow) => boolean {
	const steps = [...glob].map((c) => (c === "*" ? anyBut("many", "/") : c === "?" ? anything("one") : literal(c)));
	const pattern = new Pattern(steps);
	return ({ repository, tag }) =>
		repository !== "" && (pattern.test(`${repository}:${tag}`) || pattern.test(repository));
}

/** --filter reference=, and the name that is given: any of the first, and the second. */
function rowFilter(pattern: string | undefined, references: readonly string[] | undefined): (row: ImageRow) => boolean {
	const named = pattern === undefined ? undefined : familiarPattern(pattern);
	const referred = references?.map(familiarPattern);
	return (row) => (named?.(row) ?? true) && (referred?.some((test) => test(row)) ?? true);
}
