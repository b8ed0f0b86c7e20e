/**
 * A layer that is being made: an overlay upperdir in the staging directory. When its step is through, the directory *is*
 * the layer: its archive is read once, for its digest, and it is renamed to where layers are.
 */
import { mkdirSync } from "node:fs";
import { type DiffOptions, type DiffSummary, writeChangeset } from "../../image/layer/diff.ts";
import { openWritableRootfs } from "../../image/layer/rootfs-view.ts";
import type { Paths } from "../../paths.ts";
import { type Db, transaction } from "../../store/database.ts";
import { putLayerSize } from "../../store/images.ts";
import { commitLayer, copyRootAttributes, hasLayer, lockLayer } from "../../store/layers.ts";
import { stagingDirectory } from "../../store/staging.ts";
import type { Fd } from "../../sys/fd.ts";
import { openDir } from "../../sys/file.ts";
import { removeTree } from "../../sys/tree.ts";

export class NewLayer implements Disposable {
	readonly #paths: Paths;
	readonly #dir: string;
	/** Layers below, top first. */
	readonly directories: readonly string[];
	readonly upper: string;
	readonly work: string;

	constructor(paths: Paths, directories: readonly string[]) {
		this.#paths = paths;
		this.#dir = stagingDirectory(paths);
		this.directories = directories;
		this.upper = `${this.#dir}/upper`;
		this.work = `${this.#dir}/work`;
		mkdirSync(this.upper, { mode: 0o755 });
		mkdirSync(this.work, { mode: 0o700 });
		const [topmost] = directories;
		if (topmost !== undefined) copyRootAttributes(topmost, this.upper);
	}

	/** Opens the root that is being built, to write to. */
	open(): Fd {
		if (this.directories.length === 0) return openDir(this.upper);
		return openWritableRootfs(this.directories, this.upper, this.work);
	}

	/** Takes its digest and puts it with the other layers. Returns its DiffID. */
	async seal(db: Db, clampTo: number | undefined): Promise<string> {
		const { diffId, size, archiveSize } = digestLayer(this.upper, clampTo === undefined ? {} : { clampTo });
		using _lock = await lockLayer(this.#paths, diffId);
		if (!hasLayer(this.#paths, diffId)) commitLayer(this.#paths, diffId, this.upper);
		transaction(db, this.#paths, () => putLayerSize(db, diffId, size, archiveSize));
		return diffId;
	}

	[Symbol.dispose](): void {
		removeTree(this.#dir);
	}
}

export function digestLayer(
	directory: string,
	options: DiffOptions = {},
): DiffSummary & { diffId: string; archiveSize: number } {
	const hash = new Bun.CryptoHasher("sha256");
	let archiveSize = 0;
	const summary = writeChangeset(
		directory,
		(chunk) => {
			hash.update(chunk);
			archiveSize += chunk.length;
		},
		options,
	);
	return { ...summary, diffId: `sha256:${hash.digest("hex")}`, archiveSize };
}
