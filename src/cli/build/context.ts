/** The build context and the Dockerfile: a directory, an archive or a Dockerfile on standard input, a URL, a git URL. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { ParsedDockerfile } from "../../build/dockerfile/parse.ts";
import { IgnoreRules, parseIgnoreFile } from "../../build/files/ignore.ts";
import { Tree } from "../../build/files/tree.ts";
import type { LocalContext } from "../../build/session/options.ts";
import { cloneRepository, HEAD_BYTES, isGit, looksLikeArchive } from "../../build/steps/remote.ts";
import { EngineError, messageOf } from "../../errors.ts";
import { unpackStream } from "../../image/layer/unpack-stream.ts";
import type { Paths } from "../../paths.ts";
import { stagingDirectory } from "../../store/staging.ts";
import { openDir } from "../../sys/file.ts";
import { removeTree } from "../../sys/tree.ts";
import { readNamedFile, readStandardInput } from "../flags/input-file.ts";

export interface OpenedContext extends Disposable {
	readonly dockerfileName: string;
	readonly dockerfileText: string;
	readonly context: LocalContext;
}

export interface BuildInputs extends Omit<OpenedContext, typeof Symbol.dispose> {
	readonly dockerfile: ParsedDockerfile;
}

/** `file` is -f: relative to the working directory, "-" for standard input, or in the context. */
export async function readContext(paths: Paths, where: string, file: string | undefined): Promise<OpenedContext> {
	if (where === "-" && file === "-") {
		throw new EngineError("usage", "invalid argument: can't use stdin for both build context and dockerfile");
	}
	const source = await openSource(paths, where);
	try {
		const { directory, given } = source;
		const { text, name, ignoreNames } = readDockerfile(directory, file, given);
		return {
			dockerfileName: name,
			dockerfileText: text,
			context: { directory, ignore: readIgnore(directory, ignoreNames) },
			[Symbol.dispose]: () => source.dispose(),
		};
	} catch (error) {
		source.dispose();
		throw error;
	}
}

interface Opened {
	readonly directory: string;
	/** The Dockerfile itself came instead of a context. */
	readonly given?: string;
	dispose(): void;
}

async function openSource(paths: Paths, where: string): Promise<Opened> {
	if (where === "-") return fromStream(paths, Bun.stdin.stream());
	if (isGit(where) || isGithub(where)) {
		const staging = stagingDirectory(paths);
		try {
			return {
				directory: await cloneRepository(isGithub(where) ? `https://${where}` : where, staging),
				dispose: () => removeTree(staging),
			};
		} catch (error) {
			removeTree(staging);
			throw error;
		}
	}
	if (/^https?:\/\//.test(where)) return fromStream(paths, await download(where));
	const directory = resolve(where);
	const stat = statSync(directory, { throwIfNoEntry: false });
	if (!stat) throw new EngineError("usage", `unable to prepare context: path "${where}" not found`);
	if (stat.isDirectory()) return { directory, dispose() {} };
	if (!stat.isFile() && !stat.isFIFO()) {
		throw new EngineError("usage", `unable to prepare context: ${where} is neither a directory nor a regular file`);
	}
	return fromStream(paths, createReadStream(directory));
}

/** What docker has always taken without a scheme, unless there is such a directory. */
const isGithub = (where: string): boolean => where.startsWith("github.com/") && !existsSync(where.split("#")[0] ?? "");

async function download(url: string): Promise<AsyncIterable<Uint8Array>> {
	try {
		const response = await fetch(url);
		if (!response.ok) throw new Error(`the server answers ${response.status}`);
		if (!response.body) throw new Error("the server sends nothing");
		return response.body;
	} catch (error) {
		throw new EngineError("failed", `unable to prepare context: Get "${url}": ${messageOf(error)}`);
	}
}

const MAX_DOCKERFILE = 16 * 1024 * 1024;

/** An archive becomes a directory of ours; what is none is a Dockerfile, with nothing beside it. */
async function fromStream(paths: Paths, stream: AsyncIterable<Uint8Array>): Promise<Opened> {
	const directory = stagingDirectory(paths);
	const dispose = () => removeTree(directory);
	const rest = stream[Symbol.asyncIterator]();
	/** At least so many bytes, if there are. */
	const read = async (wanted: number): Promise<Buffer> => {
		const chunks: Uint8Array[] = [];
		for (let got = 0; got < wanted; ) {
			const next = await rest.next();
			if (next.done) break;
			chunks.push(new Uint8Array(next.value));
			got += next.value.length;
		}
		return Buffer.concat(chunks);
	};
	try {
		const head = await read(HEAD_BYTES);
		if (await looksLikeArchive(head)) {
			await unpackStream(joined(head, rest), directory);
			return { directory, dispose };
		}
		const text = Buffer.concat([head, await read(MAX_DOCKERFILE)]);
		if (text.length > MAX_DOCKERFILE)
			throw new EngineError("usage", "what was sent is neither an archive nor a Dockerfile");
		return { directory, given: text.toString(), dispose };
	} catch (error) {
		dispose();
		throw error;
	}
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
	yield head;
	for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function readDockerfile(directory: string, file: string | undefined, given: string | undefined) {
	if (given !== undefined) return { text: given, name: "Dockerfile", ignoreNames: [".dockerignore"] };
	if (file === "-") {
		return {
			text: Buffer.from(readStandardInput("failed to read dockerfile: ")).toString(),
			name: "Dockerfile",
			ignoreNames: [".dockerignore"],
		};
	}
	const outside = file !== undefined && existsSync(file) ? resolve(file) : undefined;
	const inside = file ?? "Dockerfile";
	const beside = outside === undefined ? undefined : relative(directory, outside);
	const name = beside === undefined || beside.startsWith("..") ? inside : beside;
	const text =
		outside !== undefined && (beside?.startsWith("..") ?? false)
			? readOutside(outside)
			: (readInside(directory, name) ?? (file === undefined ? readInside(directory, "dockerfile") : undefined));
	if (text === undefined) {
		throw new EngineError("not-found", `failed to read dockerfile: open ${name}: no such file or directory`);
	}
	return { text, name, ignoreNames: [`${name}.dockerignore`, ".dockerignore"] };
}

function readOutside(path: string): string {
	try {
		return Buffer.from(readNamedFile(path, "failed to read dockerfile: ")).toString();
	} catch (error) {
		// What is wrong is not the command line: the build says so as it says other failures.
		throw error instanceof EngineError ? new EngineError("not-found", error.message, { cause: error }) : error;
	}
}

/** Links of a context lead nowhere else. */
function readInside(directory: string, name: string): string | undefined {
	using tree = new Tree(openDir(directory), { keepsOwners: false });
	return tree.isFile(name) ? tree.read(name)?.toString() : undefined;
}

function readIgnore(directory: string, names: readonly string[]): IgnoreRules {
	for (const name of names) {
		const text = readInside(directory, name);
		if (text !== undefined) return new IgnoreRules(parseIgnoreFile(text));
	}
	return new IgnoreRules([]);
}
