/** ADD beyond COPY: files of URLs, git repositories, and archives that are unpacked. */
import { closeSync, mkdirSync, openSync, renameSync, utimesSync, writeSync } from "node:fs";
import { EngineError, messageOf } from "../../errors.ts";
import { decompress, detectCompression } from "../../image/compression/decompress.ts";
import { LayerWriter } from "../../image/layer/unpack.ts";
import { checksumHolds } from "../../image/tar/number.ts";
import { TarReader } from "../../image/tar/reader.ts";
import { stagingDirectory } from "../../store/staging.ts";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, openDir, openInRoot, readLinkAt } from "../../sys/file.ts";
import { S_IFREG, typeOf } from "../../sys/stat.ts";
import { removeTree } from "../../sys/tree.ts";
import type { Copy } from "../dockerfile/instruction.ts";
import type { Owner } from "../files/attributes.ts";
import { cleanPath } from "../files/path.ts";
import { Destination } from "../files/place.ts";
import type { Found, Tree } from "../files/tree.ts";
import type { BuildSession } from "../session/session.ts";

export const isGit = (source: string): boolean =>
	/^(git@|git:\/\/|ssh:\/\/)/.test(source) || /^https?:\/\/[^?#]+\.git(#.*)?$/.test(source);
export const isRemote = (source: string): boolean => /^https?:\/\//.test(source) || isGit(source);

/** Brings what the URLs name into a directory of ours. `digest` is of all of it. */
export async function fetchRemote(
	session: BuildSession,
	urls: readonly string[],
	instruction: Copy,
): Promise<{ directory: string; digest: string }> {
	const directory = stagingDirectory(session.paths);
	try {
		const digests: string[] = [];
		for (const [i, url] of urls.entries()) {
			if (isGit(url)) {
				const aside = `${directory}/clone${i}`;
				mkdirSync(aside);
				const { commit, inside, path } = await clone(url, aside, instruction.keepGitDir);
				checkCommit(commit, instruction.checksum);
				renameSync(path, `${directory}/repository${i}`); // only what was asked for
				removeTree(aside);
				digests.push(`git:${commit}:${inside}`);
			} else digests.push(await download(url, directory, instruction.checksum, session.stop.signal));
		}
		return { directory, digest: digests.join(",") };
	} catch (error) {
		removeTree(directory);
		throw error;
	}
}

/** --checksum of a repository is its commit, or how that begins. */
function checkCommit(commit: string, checksum: string | undefined): void {
	if (checksum === undefined || (checksum.length >= 7 && commit.startsWith(checksum))) return;
	throw new EngineError("failed", `expected checksum to match ${checksum}, got ${commit}`);
}

async function download(
	url: string,
	directory: string,
	checksum: string | undefined,
	signal: AbortSignal,
): Promise<string> {
	let response: Response;
	try {
		response = await fetch(url, { signal });
	} catch (error) {
		throw new EngineError("failed", `Get "${url}": ${messageOf(error)}`);
	}
	if (!response.ok) {
		throw new EngineError("failed", `failed to load cache key: invalid response status ${response.status} for ${url}`);
	}
	const path = `${directory}/${nameOf(url, response)}`;
	const digest = await store(response, path);
	if (checksum !== undefined && checksum !== digest) {
		throw new EngineError("failed", `digest mismatch sha256: expected ${checksum}, got ${digest}`);
	}
	const modified = Date.parse(response.headers.get("last-modified") ?? "");
	if (Number.isFinite(modified)) utimesSync(path, modified / 1000, modified / 1000);
	return digest;
}

/** Piece by piece: it may be larger than the memory. Returns its digest. */
async function store(response: Response, path: string): Promise<string> {
	const hasher = new Bun.CryptoHasher("sha256");
	const fd = openSync(path, "wx", 0o600);
	try {
		for await (const bytes of response.body ?? []) {
			hasher.update(bytes);
			for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
		}
	} finally {
		closeSync(fd);
	}
	return `sha256:${hasher.digest("hex")}`;
}

/** The name that the server gives, else the path's last part; nothing that could lead elsewhere. */
function nameOf(url: string, response: Response): string {
	const given = /filename="?([^";]+)"?/.exec(response.headers.get("content-disposition") ?? "")?.[1];
	const name = (given ?? decoded(new URL(url).pathname)).split("/").at(-1) ?? "";
	return name === "" || name === "." || name === ".." || name.includes("\0") ? "download" : name;
}

function decoded(path: string): string {
	try {
		return decodeURIComponent(path);
	} catch {
		return path; // a "%" that is no more than that
	}
}

/** "URL#ref:subdirectory" by git(1), which has to be there. Returns the directory asked for. */
export async function cloneRepository(source: string, directory: string, keepGitDir = false): Promise<string> {
	const { path } = await clone(source, directory, keepGitDir);
	return path;
}

async function clone(
	source: string,
	directory: string,
	keepGitDir: boolean,
): Promise<{ commit: string; inside: string; path: string }> {
	if (!Bun.which("git")) {
		throw new EngineError(
			"unsupported",
			`${source} is a git repository, and there is no git on this machine to fetch it`,
		);
	}
	const [url = "", fragment = ""] = source.split("#");
	const [ref = "", subdirectory = ""] = fragment.split(":");
	const inside = cleanPath(`/${subdirectory}`);
	const target = `${directory}/repository`;
	const git = async (...args: string[]): Promise<string> => {
		const child = Bun.spawn(["git", "-c", "protocol.ext.allow=never", "-C", target, ...args], {
			stdout: "pipe",
			stderr: "pipe",
			env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
		});
		const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
		if ((await child.exited) !== 0) throw new EngineError("failed", `git ${args[0]}: ${err.trim()}`);
		return out.trim();
	};
	mkdirSync(target);
	await git("init", "-q");
	await git("fetch", "-q", "--depth", "1", "--", url, ref || "HEAD");
	await git("checkout", "-q", "FETCH_HEAD");
	const commit = await git("rev-parse", "HEAD");
	if (!keepGitDir) removeTree(`${target}/.git`);
	using root = openDir(target);
	using place = openInRoot(root.number, inside, O_RDONLY | O_DIRECTORY);
	return { commit, inside, path: readLinkAt(AT_FDCWD, `/proc/self/fd/${place.number}`).toString() };
}

const MAGIC_BYTES = 512;

/** Unpacks a file that is a tar archive, compressed or not, into the destination, after `before`; false if it is none. */
export async function unpackArchive(
	tree: Tree,
	path: string,
	root: number,
	destination: string,
	owner: Owner | undefined,
	before: () => void = () => {},
): Promise<boolean> {
	// The walk stays where it is meanwhile: what it has found is good only until it goes on.
	for (const found of tree.walk(path, () => true)) {
		if (typeOf(found.stat.mode) !== S_IFREG || !(await isArchive(found))) return false;
		before();
		const directory = cleanPath(destination);
		new Destination(root, { owner, chmod: undefined, keepsOwners: true }).ensureDirectory(directory);
		using target = openInRoot(root, directory, O_RDONLY | O_DIRECTORY);
		using writer = new LayerWriter(`/proc/self/fd/${target.number}`, { whiteouts: false, owner });
		const reader = new TarReader(writer);
		using file = found.open();
		await decompress(Bun.file(`/proc/self/fd/${file.number}`).stream(), found.stat.size, (chunk) => reader.push(chunk));
		reader.finish();
		writer.finish();
		return true;
	}
	return false;
}

async function isArchive(found: Found): Promise<boolean> {
	using file = found.open();
	return looksLikeArchive(
		new Uint8Array(await Bun.file(`/proc/self/fd/${file.number}`).slice(0, HEAD_BYTES).arrayBuffer()),
	);
}

/** What must be read of a file to know: bzip2 gives nothing before its first block is whole, which may be 900 kB. */
export const HEAD_BYTES = 1 << 20;

/** By content: whether the first block is a header of tar, compressed or not. */
export async function looksLikeArchive(bytes: Uint8Array): Promise<boolean> {
	const head = bytes.subarray(0, HEAD_BYTES);
	const kind = detectCompression(head);
	let block = Buffer.alloc(0);
	const enough = new Error("enough");
	try {
		await decompress(once(head), kind === "none" ? head.length : 1 << 30, (chunk) => {
			block = Buffer.concat([block, chunk.subarray(0, MAGIC_BYTES)]);
			if (block.length >= MAGIC_BYTES) throw enough;
		});
	} catch (error) {
		if (error !== enough && !(error instanceof EngineError)) throw error; // cut off, or not what it seemed
	}
	// A mark came with POSIX; before it, and with `tar --format=v7`, a header is known by its sum.
	return block.length >= MAGIC_BYTES && isHeader(block.subarray(0, MAGIC_BYTES));
}

const isHeader = (block: Uint8Array): boolean => block[0] !== 0 && checksumHolds(block);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
	yield bytes;
}
