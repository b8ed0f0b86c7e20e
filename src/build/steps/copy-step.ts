/** COPY and ADD: where the files come from, whether the layer is there already, and if not, the copying. */
import { EngineError } from "../../errors.ts";
import { layerDirectories } from "../../image/layer/rootfs-view.ts";
import { openDir } from "../../sys/file.ts";
import { removeTree } from "../../sys/tree.ts";
import { type CachedLayer, cacheKey, chainOf } from "../cache/cache.ts";
import { digestSources } from "../cache/digest.ts";
import type { Copy } from "../dockerfile/instruction.ts";
import { expandWord } from "../dockerfile/lex.ts";
import type { Scope } from "../dockerfile/scope.ts";
import type { Owner } from "../files/attributes.ts";
import { globPattern } from "../files/glob.ts";
import { parseChmod } from "../files/mode.ts";
import { baseName, cleanPath, resolvePath } from "../files/path.ts";
import { Destination } from "../files/place.ts";
import { Tree } from "../files/tree.ts";
import { NewLayer } from "../session/layer.ts";
import type { BuildSession } from "../session/session.ts";
import type { OpenSource } from "../session/sources.ts";
import type { StageState } from "../session/state.ts";
import { makeUnsealed, type Unsealed } from "../session/unsealed.ts";
import { copyFiles, type SelectedSource, selectSources } from "./copy-files.ts";
import { lookUpOwner } from "./owner.ts";
import { fetchRemote, isRemote, unpackArchive } from "./remote.ts";

/** Opens what --from names; without it, the context. */
export type OpenFrom = (from: string | undefined) => Promise<OpenSource>;

interface Settled {
	readonly sources: readonly string[];
	readonly destination: string;
	readonly owner: Owner | undefined;
	readonly chmod: ((mode: number) => number) | undefined;
	readonly excluded: (path: string) => boolean;
	readonly heredocs: readonly { readonly name: string; readonly content: string }[];
	/** All of it as JSON, for the cache. */
	readonly described: unknown;
}

export async function copyStep(
	session: BuildSession,
	state: StageState,
	instruction: Copy,
	scope: Scope,
	openFrom: OpenFrom,
	fresh: boolean,
): Promise<CachedLayer | Unsealed> {
	const settled = settle(session, state, instruction, scope);
	if (instruction.kind === "COPY" && settled.sources.some(isRemote)) {
		throw new EngineError("invalid", "source can't be a URL for COPY");
	}
	const remote = instruction.kind === "ADD" ? await fetchAll(session, settled.sources, instruction) : undefined;
	const local = settled.sources.filter((source) => !isRemote(source));
	try {
		using source = local.length ? await openFrom(instruction.from) : undefined;
		const below = instruction.link ? [] : state.layers;
		const base = ["copy", chainOf(below), settled.described, session.clampTo ?? null] as const;
		// What a stage or image is made of tells all that is in it; a context has to be looked through.
		const quick = source?.identity && !remote ? cacheKey(...base, "whole", source.identity) : undefined;
		const known = quick && !fresh ? await session.cache.find(quick) : undefined;
		if (known) return known;
		const isExcluded = ({ path }: SelectedSource) =>
			instruction.exclude.length > 0 && settled.excluded(baseName(path)) && (source?.tree.isFile(path) ?? false);
		const found = source
			? local.map((path) => selectSources(source.tree, path, instruction.parents).filter((one) => !isExcluded(one)))
			: [];
		const selected = found.flat();
		// A pattern may match nothing, and then it does not count. Of those that one matches the last remains, as with BuildKit.
		const sources = found.filter((matches) => matches.length > 0).length + settled.sources.filter(isRemote).length;
		if (sources + settled.heredocs.length > 1 && !settled.destination.endsWith("/")) {
			throw mustBeDirectory(instruction.kind);
		}
		const content = source
			? digestSources(
					source.tree,
					selected.map(({ path }) => path),
					settled.excluded,
					session.cache.hashes,
				)
			: "";
		const key = cacheKey(...base, "content", content, remote?.digest ?? null);
		const begin = () => new NewLayer(session.paths, layerDirectories(session.paths, below));
		const fillIt = (made: NewLayer) => fill(made, instruction, settled, source?.tree, selected, remote?.tree);
		if (fresh) {
			const made = begin();
			return await makeUnsealed(made, instruction.text, async () => {
				await fillIt(made);
				return quick ? [key, quick] : [key];
			});
		}
		const layer = await session.cache.findOrMake(key, instruction.text, async () => {
			using made = begin();
			await fillIt(made);
			return await made.seal(session.db, session.clampTo);
		});
		if (quick) session.cache.remember({ ...layer, key: quick, description: instruction.text });
		return layer;
	} finally {
		remote?.dispose();
	}
}

async function fill(
	made: NewLayer,
	instruction: Copy,
	settled: Settled,
	tree: Tree | undefined,
	selected: readonly SelectedSource[],
	remote: Tree | undefined,
): Promise<void> {
	using root = made.open();
	const { owner, chmod, destination, excluded } = settled;
	using opened = new DisposableStack();
	const into = (keepsOwners: boolean) => opened.use(new Destination(root.number, { owner, chmod, keepsOwners }));
	if (instruction.parents && !selected.length) into(false).ensureDirectory(cleanPath(destination));
	if (tree && selected.length) {
		const unpack = instruction.kind === "ADD" && instruction.unpack !== false;
		let plain: SelectedSource[] = [];
		const copyPlain = () => {
			if (plain.length) copyFiles(tree, { sources: plain, destination, excluded }, into(tree.keepsOwners));
			plain = [];
		};
		// In their order: of two that make the same file the last remains.
		for (const one of selected) {
			if (!unpack || !(await unpackArchive(tree, one.path, root.number, destination, owner, copyPlain)))
				plain.push(one);
		}
		copyPlain();
	}
	if (remote) {
		const files = remote.select("*").map((path) => ({ path, keep: "" }));
		if (!instruction.unpack) copyFiles(remote, { sources: files, destination, excluded }, into(false));
		else for (const { path } of files) await unpackArchive(remote, path, root.number, destination, owner);
	}
	writeHeredocs(settled, into(false));
}

function writeHeredocs({ heredocs, destination }: Settled, to: Destination): void {
	for (const { name, content } of heredocs) {
		const inside = destination.endsWith("/") || heredocs.length > 1 || to.isDirectory(destination);
		const path = inside ? `${destination.replace(/\/+$/, "")}/${name}` : destination;
		to.ensureDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
		to.write(Buffer.from(content), path, 0o644, BigInt(Date.now()) * 1_000_000n);
	}
}

const mustBeDirectory = (kind: string): EngineError =>
	new EngineError(
		"invalid",
		`When using ${kind} with more than one source file, the destination must be a directory and end with a /`,
	);

/** Variables expanded, names looked up, patterns compiled. */
function settle(session: BuildSession, state: StageState, instruction: Copy, scope: Scope): Settled {
	const sources = instruction.sources.map((source) => scope.word(source));
	const asked = scope.word(instruction.destination);
	const heredocs = instruction.heredocs.map(({ name, content, expand }) => ({
		name,
		content: expand ? expandWord(content, { ...scope.lexing, escapeChar: "\\", noQuotes: true }) : content,
	}));
	const clean = resolvePath(state.defaults.workingDir, asked);
	// "" and "." are the working directory, also where nothing is there yet (--link).
	const destination = /\/\.?$/.test(asked) || asked === "." || asked === "" ? `${clean.replace(/\/$/, "")}/` : clean;
	const chown = instruction.chown === undefined ? undefined : scope.word(instruction.chown);
	const owner = chown === undefined ? undefined : lookUpOwner(session, state, chown);
	const chmodText = instruction.chmod === undefined ? undefined : scope.word(instruction.chmod);
	const excludes = instruction.exclude.map((pattern) => scope.word(pattern));
	const patterns = excludes.map(globPattern);
	return {
		sources,
		destination,
		owner,
		chmod: chmodText === undefined ? undefined : parseChmod(chmodText),
		excluded: (path) => patterns.some((pattern) => pattern.test(path)),
		heredocs,
		described: [
			instruction.kind,
			sources,
			destination,
			owner ?? null,
			chmodText ?? null,
			excludes,
			instruction.link,
			instruction.parents,
			instruction.unpack ?? null,
			heredocs,
		],
	};
}

interface Remote {
	readonly tree: Tree;
	readonly digest: string;
	dispose(): void;
}

async function fetchAll(
	session: BuildSession,
	sources: readonly string[],
	instruction: Copy,
): Promise<Remote | undefined> {
	const urls = sources.filter(isRemote);
	if (urls.length === 0) return undefined;
	const { directory, digest } = await fetchRemote(session, urls, instruction);
	const tree = new Tree(openDir(directory), { keepsOwners: false });
	return {
		tree,
		digest,
		dispose() {
			tree[Symbol.dispose]();
			removeTree(directory);
		},
	};
}
