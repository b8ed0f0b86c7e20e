/** RUN --mount: what each kind is made of, and what of it goes into the cache key. */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { EngineError } from "../../errors.ts";
import { useCacheMount } from "../../store/build-cache.ts";
import { transaction } from "../../store/database.ts";
import type { Fd } from "../../sys/fd.ts";
import { openDir, tryLockFile } from "../../sys/file.ts";
import { removeTree } from "../../sys/tree.ts";
import { digestSources } from "../cache/digest.ts";
import type { RunMount } from "../dockerfile/instruction.ts";
import { parseRunMount } from "../dockerfile/parse-run-mount.ts";
import type { Scope } from "../dockerfile/scope.ts";
import { contextPath, resolvePath } from "../files/path.ts";
import { Destination } from "../files/place.ts";
import type { StepMount } from "../session/host.ts";
import type { BuildSession } from "../session/session.ts";
import type { StageState } from "../session/state.ts";
import type { OpenFrom } from "./copy-step.ts";

/** A mount, and what of it goes into the cache key. */
export interface Mounted {
	readonly mount: StepMount | undefined;
	readonly described: unknown;
	readonly env?: readonly string[];
	release?(): void;
}

export interface MountRequest {
	readonly session: BuildSession;
	readonly state: StageState;
	readonly scope: Scope;
	readonly openFrom: OpenFrom;
}

export async function settleMount(request: MountRequest, mount: RunMount): Promise<Mounted> {
	const { session, state, scope } = request;
	const { type, options: expanded } = parseRunMount(mount.text, (word) => scope.word(word));
	const isSet = (key: string) => /^(true|1)$/i.test(expanded[key] ?? "");
	const isNot = (key: string) => /^(false|0)$/i.test(expanded[key] ?? "");
	const target = resolvePath(state.defaults.workingDir, expanded["target"] ?? "");
	if (target === "/" && expanded["target"]) throw new EngineError("invalid", 'invalid mount target "/"');
	const owner = { uid: Number(expanded["uid"] ?? 0), gid: Number(expanded["gid"] ?? 0) };
	switch (type) {
		case "tmpfs":
			return {
				mount: { kind: "tmpfs", target, size: expanded["size"] },
				described: [type, target, expanded["size"] ?? ""],
			};
		case "secret":
			return secretMount(session, expanded, isSet("required"));
		case "ssh": {
			const id = expanded["id"] ?? "default";
			const path = session.options.ssh.get(id);
			if (path === undefined && isSet("required")) throw new EngineError("invalid", `unset ssh forward key ${id}`);
			const socket = expanded["target"]
				? target
				: resolvePath("/run/buildkit", `ssh_agent.${id === "default" ? 0 : id}`);
			return {
				mount: path === undefined ? undefined : { kind: "socket", path, target: socket },
				described: [type, id, socket],
				env: path === undefined ? [] : [`SSH_AUTH_SOCK=${socket}`],
			};
		}
		case "cache":
			return cacheMount(request, expanded, target, owner, isSet("readonly"));
		case "bind":
			return bindMount(request, expanded, target, !isSet("rw") && !isNot("readonly"));
	}
}

/** The value goes into no key and on no disk. */
function secretMount(session: BuildSession, options: Readonly<Record<string, string>>, required: boolean): Mounted {
	const source = options["source"];
	const id = options["id"] || source?.split("/").at(-1) || options["target"]?.split("/").at(-1) || options["env"] || "";
	if (id === "") throw new EngineError("invalid", "secret mount: id or target is required");
	const content = session.options.secrets.get(id);
	const variable = options["env"];
	const target = options["target"] ? resolvePath("/run/secrets", options["target"]) : resolvePath("/run/secrets", id);
	const mode = Number.parseInt(options["mode"] ?? "0400", 8);
	const owner = { uid: Number(options["uid"] ?? 0), gid: Number(options["gid"] ?? 0) };
	const described = ["secret", id, variable ?? null, target, mode, owner];
	if (content === undefined) {
		if (required) throw new EngineError("not-found", `secret ${id}: not found`);
		return { mount: undefined, described };
	}
	const env = variable === undefined ? [] : [`${variable}=${Buffer.from(content).toString()}`];
	if (variable !== undefined && !options["target"]) return { mount: undefined, described, env };
	return { mount: { kind: "secret", content, target, mode, ...owner }, described, env };
}

const POLL_MS = 20;

/** A directory that outlives the build, one for each ID; `sharing` says what happens when two want it at once. */
async function cacheMount(
	request: MountRequest,
	options: Readonly<Record<string, string>>,
	target: string,
	owner: { readonly uid: number; readonly gid: number },
	readonly: boolean,
): Promise<Mounted> {
	const id = options["id"] || target;
	const sharing = options["sharing"] ?? "shared";
	const beginning = beginningOf(options, owner);
	const { session } = request;
	const { paths, db } = session;
	let lock: Fd | undefined;
	let hex = "";
	for (let number = 0; ; ) {
		hex = new Bun.CryptoHasher("sha256").update(`${id}\0${beginning}${number}`).digest("hex");
		transaction(db, paths, () => useCacheMount(db, hex, id));
		mkdirSync(`${paths.buildMounts}/${hex}`, { recursive: true, mode: 0o700 });
		lock = tryLockFile(`${paths.buildMounts}/${hex}/lock`, sharing === "shared");
		if (lock) break;
		if (sharing === "private") number++;
		else await Bun.sleep(POLL_MS);
		session.stop.signal.throwIfAborted();
	}
	const data = `${paths.buildMounts}/${hex}/data`;
	try {
		await begin(request, options, owner, data);
	} catch (error) {
		lock[Symbol.dispose]();
		throw error;
	}
	return {
		mount: { kind: "directory", path: data, target, readonly },
		described: ["cache", id, target, readonly, beginning],
		release: () => lock[Symbol.dispose](),
	};
}

/** What a cache begins with is part of which it is: with another owner or mode it is another, as with BuildKit. */
function beginningOf(
	{ mode, from, source }: Readonly<Record<string, string>>,
	{ uid, gid }: { readonly uid: number; readonly gid: number },
): string {
	const bits = Number.parseInt(mode ?? "0755", 8);
	const owned = uid || gid || bits !== 0o755 ? `${uid}:${gid}:${bits.toString(8)}\0` : "";
	return from === undefined ? owned : `${owned}${from}:${source ?? ""}\0`;
}

/** Makes the directory of a cache mount, unless it is there: aside, so that who finds it finds it whole. */
async function begin(
	request: MountRequest,
	options: Readonly<Record<string, string>>,
	owner: { readonly uid: number; readonly gid: number },
	data: string,
): Promise<void> {
	if (existsSync(data)) return;
	let making = tryLockFile(`${data}-lock`);
	for (; !making; making = tryLockFile(`${data}-lock`)) await Bun.sleep(POLL_MS);
	using _making = making;
	if (existsSync(data)) return;
	const aside = `${data}-new`;
	removeTree(aside);
	mkdirSync(aside, { mode: 0o755 });
	chownSync(aside, owner.uid, owner.gid);
	chmodSync(aside, Number.parseInt(options["mode"] ?? "0755", 8));
	if (options["from"] !== undefined) await fill(request, aside, options["from"], options["source"] ?? "");
	renameSync(aside, data);
}

/** What a cache mount begins with: a directory of a stage, an image or a context. */
async function fill({ openFrom }: MountRequest, directory: string, from: string, source: string): Promise<void> {
	using opened = await openFrom(from);
	using root = openDir(directory);
	using destination = new Destination(root.number, { owner: undefined, chmod: undefined, keepsOwners: true });
	for (const found of opened.tree.walk(contextPath(source), () => false)) {
		if (found.path !== "") destination.put(found, `/${found.path}`);
	}
	destination.finish();
}

async function bindMount(
	{ session, openFrom }: MountRequest,
	options: Readonly<Record<string, string>>,
	target: string,
	readonly: boolean,
): Promise<Mounted> {
	const from = options["from"];
	using source = await openFrom(from);
	const path = contextPath(options["source"] ?? "");
	const [found] = source.tree.select(path.replace(/[*?[\\]/g, "\\$&"));
	const identity = source.identity ?? digestSources(source.tree, [found ?? ""], () => false, session.cache.hashes);
	const directories = source.directories ?? [session.materialized(source.context ?? session.options.context)];
	const file = source.tree.isFile(path);
	return {
		mount: {
			kind: "tree",
			directories: [...new Set([...directories, session.paths.emptyLayer])],
			source: `/${path}`,
			target,
			file,
			readonly,
		},
		described: ["bind", identity, path, target, readonly],
	};
}
