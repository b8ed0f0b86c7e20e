/** RUN: the command as it is executed, what is mounted into it, and the layer it leaves. */
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { EngineError } from "../errors.ts";
import { layerDirectories } from "../image/rootfs-view.ts";
import { useCacheMount } from "../store/build-cache.ts";
import { transaction } from "../store/database.ts";
import type { Fd } from "../sys/fd.ts";
import { tryLockFile } from "../sys/file.ts";
import { type CachedLayer, cacheKey, chainOf } from "./cache.ts";
import type { OpenFrom } from "./copy-step.ts";
import { digestSources } from "./digest.ts";
import type { StepMount } from "./host.ts";
import type { Run, RunMount } from "./instruction.ts";
import { NewLayer } from "./layer.ts";
import { commandOf } from "./metadata.ts";
import { contextPath, resolvePath } from "./path.ts";
import type { Vertex } from "./progress.ts";
import type { Scope } from "./scope.ts";
import type { BuildSession } from "./session.ts";
import type { StageState } from "./state.ts";

/** A RUN that ended with something else than 0. */
export class StepFailed extends EngineError {
	constructor(
		readonly command: string,
		readonly exitCode: number,
	) {
		super("failed", `process "${command}" did not complete successfully: exit code: ${exitCode}`);
	}
}

/** A mount, and what of it goes into the cache key. */
interface Mounted {
	readonly mount: StepMount | undefined;
	readonly described: unknown;
	readonly env?: readonly string[];
	release?(): void;
}

export interface RunRequest {
	readonly session: BuildSession;
	readonly state: StageState;
	readonly instruction: Run;
	readonly scope: Scope;
	readonly openFrom: OpenFrom;
	readonly fresh: boolean;
	readonly vertex: Vertex;
}

export async function runStep(request: RunRequest): Promise<CachedLayer> {
	const { session, state, instruction, scope, fresh } = request;
	const { options } = session;
	const { env, args, hidden } = scope.environment();
	const { argv, script } = commandLineOf(instruction, state);
	const network = instruction.network === "default" ? options.network : instruction.network;
	checkAllowed(instruction, options.allow, options.network);
	const mounted: Mounted[] = [];
	try {
		for (const mount of instruction.mounts) mounted.push(await settleMount(request, mount));
		const { user, workingDir } = state.defaults;
		const described = mounted.map((one) => one.described);
		const key = cacheKey("run", chainOf(state.layers), argv, script ?? null, env, args, user, workingDir, network, {
			security: instruction.security,
			mounts: described,
			hosts: options.environment.addHosts,
			clampTo: session.clampTo ?? null,
		});
		return await session.cache.findOrMake(key, instruction.text, { fresh }, async () => {
			using made = new NewLayer(session.paths, layerDirectories(session.paths, state.layers));
			const further: StepMount[] = script
				? [{ kind: "secret", content: Buffer.from(script.content), target: script.path, mode: 0o755, uid: 0, gid: 0 }]
				: [];
			const exitCode = await session.host.runStep({
				...options.environment,
				directories: made.directories.length ? made.directories : [session.paths.emptyLayer],
				upper: made.upper,
				work: made.work,
				args: argv,
				env: [...args, ...env, ...hidden, ...mounted.flatMap((one) => one.env ?? [])],
				user,
				workingDir,
				network,
				privileged: instruction.security === "insecure",
				mounts: [...mounted.flatMap(({ mount }) => (mount ? [mount] : [])), ...further],
				onOutput: (stream, bytes) => session.progress.output(request.vertex, stream, bytes),
				signal: session.stop.signal,
			});
			if (exitCode !== 0) throw new StepFailed(argv.join(" "), exitCode);
			return await made.seal(session.db, session.clampTo);
		});
	} finally {
		for (const one of mounted) one.release?.();
	}
}

function checkAllowed(instruction: Run, allow: ReadonlySet<string>, network: string): void {
	if (instruction.security === "insecure" && !allow.has("security.insecure")) {
		throw new EngineError("invalid", "security.insecure is not allowed: give --allow security.insecure");
	}
	if (instruction.network === "host" && network !== "host" && !allow.has("network.host")) {
		throw new EngineError("invalid", "network.host is not allowed: give --allow network.host");
	}
}

/** With a heredoc, its text is the script; one that begins with "#!" is a program of its own. */
function commandLineOf(
	instruction: Run,
	state: StageState,
): { argv: string[]; script: { path: string; content: string } | undefined } {
	const { command, heredocs } = instruction;
	const [first] = heredocs;
	if (!first) return { argv: commandOf(command, state.defaults), script: undefined };
	const line = command.args[0] ?? "";
	if (line !== first.word) {
		// For the shell to read: it knows heredocs too.
		const whole = heredocs.reduce((text, { name, content }) => `${text}\n${content}${name}`, line);
		return { argv: commandOf({ shell: true, args: [`${whole}\n`] }, state.defaults), script: undefined };
	}
	if (first.content.startsWith("#!")) {
		const path = `/dev/pipes/${first.name}`;
		return { argv: [path], script: { path, content: first.content } };
	}
	return { argv: commandOf({ shell: true, args: [first.content] }, state.defaults), script: undefined };
}

async function settleMount(request: RunRequest, { type, options }: RunMount): Promise<Mounted> {
	const { session, state, scope } = request;
	const expanded = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, scope.word(value)]));
	const isSet = (key: string) => /^(true|1)$/i.test(expanded[key] ?? "");
	const target = resolvePath(state.defaults.workingDir, expanded["target"] ?? "");
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
			const socket = expanded["target"] ? target : `/run/buildkit/ssh_agent.${id === "default" ? 0 : id}`;
			return {
				mount: path === undefined ? undefined : { kind: "socket", path, target: socket },
				described: [type, id, socket],
				env: path === undefined ? [] : [`SSH_AUTH_SOCK=${socket}`],
			};
		}
		case "cache":
			return cacheMount(request, expanded, target, owner, isSet("readonly"));
		case "bind":
			return bindMount(request, expanded, target, !isSet("rw"));
	}
}

/** The value goes into no key and on no disk. */
function secretMount(session: BuildSession, options: Readonly<Record<string, string>>, required: boolean): Mounted {
	const source = options["source"];
	const id = options["id"] || source?.split("/").at(-1) || options["target"]?.split("/").at(-1) || options["env"] || "";
	if (id === "") throw new EngineError("invalid", "secret mount: id or target is required");
	const content = session.options.secrets.get(id);
	const variable = options["env"];
	const target = options["target"] ? resolvePath("/run/secrets", options["target"]) : `/run/secrets/${id}`;
	const described = ["secret", id, variable ?? null, target];
	if (content === undefined) {
		if (required) throw new EngineError("not-found", `secret ${id}: not found`);
		return { mount: undefined, described };
	}
	const env = variable === undefined ? [] : [`${variable}=${Buffer.from(content).toString()}`];
	if (variable !== undefined && !options["target"]) return { mount: undefined, described, env };
	const mode = Number.parseInt(options["mode"] ?? "0400", 8);
	const owner = { uid: Number(options["uid"] ?? 0), gid: Number(options["gid"] ?? 0) };
	return { mount: { kind: "secret", content, target, mode, ...owner }, described, env };
}

const POLL_MS = 20;

/** A directory that outlives the build, one for each ID; `sharing` says what happens when two want it at once. */
async function cacheMount(
	{ session }: RunRequest,
	options: Readonly<Record<string, string>>,
	target: string,
	owner: { readonly uid: number; readonly gid: number },
	readonly: boolean,
): Promise<Mounted> {
	if (options["from"] !== undefined) {
		throw new EngineError(
			"unsupported",
			"--mount=type=cache with from= is not supported: copy what it should begin with",
		);
	}
	const id = options["id"] || target;
	const sharing = options["sharing"] ?? "shared";
	const { paths, db } = session;
	let lock: Fd | undefined;
	let hex = "";
	for (let number = 0; ; ) {
		hex = new Bun.CryptoHasher("sha256").update(`${id}\0${number}`).digest("hex");
		transaction(db, paths, () => useCacheMount(db, hex, id));
		mkdirSync(`${paths.buildMounts}/${hex}`, { recursive: true, mode: 0o700 });
		lock = tryLockFile(`${paths.buildMounts}/${hex}/lock`, sharing === "shared");
		if (lock) break;
		if (sharing === "private") number++;
		else await Bun.sleep(POLL_MS);
		session.stop.signal.throwIfAborted();
	}
	const data = `${paths.buildMounts}/${hex}/data`;
	if (!existsSync(data)) {
		mkdirSync(data, { mode: 0o755 });
		chownSync(data, owner.uid, owner.gid);
		chmodSync(data, Number.parseInt(options["mode"] ?? "0755", 8));
	}
	return {
		mount: { kind: "directory", path: data, target, readonly },
		described: ["cache", id, target],
		release: () => lock?.[Symbol.dispose](),
	};
}

async function bindMount(
	{ session, openFrom }: RunRequest,
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
			// overlay wants two layers at least where nothing can be written.
			directories: [...directories, session.paths.emptyLayer],
			source: `/${path}`,
			target,
			file,
			readonly,
		},
		described: ["bind", identity, path, target, readonly],
	};
}
