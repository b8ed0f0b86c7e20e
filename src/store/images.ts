/** The tables of images, of the tags that name them, and of the digests they were pulled by. */
import type { Db } from "./database.ts";

export interface ImageRecord {
	/** Digest of the image configuration: "sha256:…". */
	readonly id: string;
	/** Milliseconds since 1970, when the image was made. */
	readonly created: number;
	/** Bytes of the unpacked layers. */
	readonly size: number;
	/** The image configuration, exactly as its digest says. */
	readonly config: string;
	/** DiffIDs, bottom first. */
	readonly layers: readonly string[];
	/** Digest of the manifest it came by; its blob is kept. */
	readonly manifest: string;
}

type Row = Omit<ImageRecord, "layers"> & { layers: string };
const decode = (row: Row): ImageRecord => ({ ...row, layers: JSON.parse(row.layers) as string[] });

export function listImages(db: Db): ImageRecord[] {
	return (db.query("SELECT * FROM images ORDER BY created DESC, id").all() as Row[]).map(decode);
}

export function getImage(db: Db, id: string): ImageRecord | undefined {
	const row = db.query("SELECT * FROM images WHERE id = ?").get(id) as Row | null;
	return row ? decode(row) : undefined;
}

/** Images whose ID starts so; `hex` is without "sha256:". */
export function imagesByPrefix(db: Db, hex: string): ImageRecord[] {
	const low = `sha256:${hex}`;
	return (db.query("SELECT * FROM images WHERE id >= ?1 AND id < ?1 || 'g'").all(low) as Row[]).map(decode);
}

export function putImage(db: Db, image: ImageRecord): void {
	db.query("INSERT OR REPLACE INTO images (id, created, size, config, layers, manifest) VALUES (?, ?, ?, ?, ?, ?)").run(
		image.id,
		image.created,
		image.size,
		image.config,
		JSON.stringify(image.layers),
		image.manifest,
	);
}

export function deleteImage(db: Db, id: string): void {
	db.query("DELETE FROM images WHERE id = ?").run(id);
}

/** Points a tag ("docker.io/library/alpine:latest") at an image, away from any other. */
export function putTag(db: Db, reference: string, image: string): void {
	db.query("INSERT OR REPLACE INTO tags (reference, image, tagged) VALUES (?, ?, ?)").run(reference, image, Date.now());
}

/** Remembers a digest reference ("docker.io/library/alpine@sha256:…"). */
export function putDigest(db: Db, reference: string, image: string): void {
	db.query("INSERT OR REPLACE INTO digests (reference, image) VALUES (?, ?)").run(reference, image);
}

export function imageOfReference(db: Db, reference: string): string | undefined {
	const row = db.query(
		"SELECT image FROM tags WHERE reference = ?1 UNION SELECT image FROM digests WHERE reference = ?1",
	);
	return (row.get(reference) as { image: string } | null)?.image;
}

export const tagsOf = (db: Db, image: string): string[] => referencesOf(db, "tags", image);
export const digestsOf = (db: Db, image: string): string[] => referencesOf(db, "digests", image);

function referencesOf(db: Db, table: "tags" | "digests", image: string): string[] {
	const rows = db.query(`SELECT reference FROM ${table} WHERE image = ? ORDER BY reference`).all(image);
	return (rows as { reference: string }[]).map((row) => row.reference);
}

export function deleteReference(db: Db, reference: string): void {
	db.query("DELETE FROM tags WHERE reference = ?").run(reference);
	db.query("DELETE FROM digests WHERE reference = ?").run(reference);
}

/** Remembers how many bytes of files a layer holds, and how many its archive has, if we made it. */
export function putLayerSize(db: Db, diffId: string, size: number, archiveSize?: number): void {
	db.query("INSERT OR REPLACE INTO layers (diff_id, size, archive_size) VALUES (?, ?, ?)").run(
		diffId,
		size,
		archiveSize ?? null,
	);
}

/** Bytes of a layer's archive, uncompressed; undefined: it was pulled, and its blob is there. */
export function layerArchiveSize(db: Db, diffId: string): number | undefined {
	const row = db.query("SELECT archive_size FROM layers WHERE diff_id = ?").get(diffId);
	return (row as { archive_size: number | null } | null)?.archive_size ?? undefined;
}

export function layerSize(db: Db, diffId: string): number | undefined {
	return (db.query("SELECT size FROM layers WHERE diff_id = ?").get(diffId) as { size: number } | null)?.size;
}

/** DiffIDs that some image, or the build cache, needs. */
export function layersInUse(db: Db): Set<string> {
	const rows = db
		.query("SELECT DISTINCT value FROM images, json_each(images.layers) UNION SELECT diff_id FROM build_results")
		.all() as { value: string }[];
	return new Set(rows.map((row) => row.value));
}

/** DiffIDs that some image needs. */
export function layersOfImages(db: Db): Set<string> {
	const rows = db.query("SELECT DISTINCT value FROM images, json_each(images.layers)").all() as { value: string }[];
	return new Set(rows.map((row) => row.value));
}
