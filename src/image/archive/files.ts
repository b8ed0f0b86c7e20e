/** The files of an image archive, each put aside under a name of ours: what an archive calls them leads nowhere. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { decompress } from "../compression/decompress.ts";
import type { TarEntry } from "../tar/header.ts";
import { TarReader, type TarSink } from "../tar/reader.ts";

/** "./a//b/../c" → "a/c": names of an archive, which never become paths of the host. */
function normalize(name: string): string {
	const parts: string[] = [];
	for (const part of name.split("/")) {
		if (part === "..") parts.pop();
		else if (part !== "" && part !== ".") parts.push(part);
	}
	return parts.join("/");
}

/** What a registry takes for a manifest (distribution-spec), and of all documents together: they are kept in memory. */
const MAX_DOCUMENT = 4 * 1024 * 1024;
const MAX_DOCUMENTS = 64 * 1024 * 1024;
/** Names are kept too. docker's longest are "blobs/sha256/<hex>" and "<hex>/layer.tar". */
const MAX_NAME = 512;
const MAX_ENTRIES = 65_536;
const MAX_LINKS = 8;

const invalid = (what: string): EngineError => new EngineError("failed", `invalid archive: ${what}`);

export class ArchiveFiles implements TarSink {
	readonly #dir: string;
	readonly #files = new Map<string, string>();
	readonly #links = new Map<string, string>();
	#fd = -1;
	#count = 0;
	#documents = 0;

	/** `dir` is an empty directory, which is the caller's to remove. */
	constructor(dir: string) {
		this.#dir = dir;
	}

	entry({ path, type, linkpath }: TarEntry): void {
		if (path.length > MAX_NAME || (linkpath ?? "").length > MAX_NAME) {
			throw invalid(`a name of more than ${MAX_NAME} characters`);
		}
		if (++this.#count > MAX_ENTRIES) throw invalid(`more than ${MAX_ENTRIES} entries`);
		const name = normalize(path);
		this.#files.delete(name); // it may come twice: the last one counts
		this.#links.delete(name);
		if (type === "file") {
			const aside = `${this.#dir}/${this.#count}`;
			this.#fd = openSync(aside, "wx", 0o600);
			this.#files.set(name, aside);
		} else if (type === "symlink") this.#links.set(name, normalize(`${name}/../${linkpath}`));
		else if (type === "link") this.#links.set(name, normalize(linkpath));
	}

	data(bytes: Uint8Array, offset: number): void {
		if (this.#fd < 0) return; // of an entry that is no file
		for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, offset + at);
	}

	end(entry: TarEntry): void {
		if (entry.sparse && this.#fd >= 0) ftruncateSync(this.#fd, entry.sparse.size); // a hole may be its end
		if (entry.type === "file") this.close();
	}

	/** The file that is being written, if an archive was cut off in it. */
	close(): void {
		if (this.#fd >= 0) closeSync(this.#fd);
		this.#fd = -1;
	}

	/** Where the archive's file `name` lies now; undefined: it has none. */
	find(name: string): string | undefined {
		let at = normalize(name);
		for (let links = 0; links < MAX_LINKS; links++) {
			const file = this.#files.get(at);
			if (file !== undefined) return file;
			const target = this.#links.get(at);
			if (target === undefined) return undefined;
			at = target;
		}
		return undefined;
	}

	/** The same, for what must be there. */
	require(name: string): string {
		const found = this.find(name);
		if (found === undefined) throw invalid(`it has no ${name}`);
		return found;
	}

	/** A document of the archive. */
	read(name: string): Buffer | undefined {
		const path = this.find(name);
		if (path === undefined) return undefined;
		const { size } = statSync(path);
		this.#documents += size;
		if (size > MAX_DOCUMENT) throw invalid(`${name} is too large`);
		if (this.#documents > MAX_DOCUMENTS) throw invalid("its documents are too large together");
		return readFileSync(path);
	}
}

/** Reads an archive, compressed or not. */
export async function readArchive(source: AsyncIterable<Uint8Array>, dir: string): Promise<ArchiveFiles> {
	mkdirSync(dir, { recursive: true, mode: 0o700 });
	const files = new ArchiveFiles(dir);
	const reader = new TarReader(files);
	try {
		await decompress(source, Number.POSITIVE_INFINITY, (chunk) => reader.push(chunk));
		reader.finish();
	} finally {
		files.close();
	}
	return files;
}
