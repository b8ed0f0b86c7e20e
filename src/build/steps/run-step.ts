/** RUN: the command as it is executed, what is mounted into it, and the layer it leaves. */
import { EngineError } from "../../errors.ts";
import { layerDirectories } from "../../image/layer/rootfs-view.ts";
import { type CachedLayer, cacheKey, chainOf } from "../cache/cache.ts";
import type { Run } from "../dockerfile/instruction.ts";
import type { RunStep, StepMount } from "../session/host.ts";
import { NewLayer } from "../session/layer.ts";
import { sealInto } from "../session/pending.ts";
import type { Vertex } from "../session/progress.ts";
import type { StageState } from "../session/state.ts";
import { makeUnsealed, type Unsealed } from "../session/unsealed.ts";
import { commandOf } from "./metadata.ts";
import { type Mounted, type MountRequest, settleMount } from "./run-mounts.ts";

/** A RUN that ended with something else than 0. */
export class StepFailed extends EngineError {
	constructor(
		readonly command: string,
		readonly exitCode: number,
	) {
		super("failed", `process "${command}" did not complete successfully: exit code: ${exitCode}`);
	}
}

export interface RunRequest extends MountRequest {
	readonly instruction: Run;
	readonly fresh: boolean;
	readonly vertex: Vertex;
}

export async function runStep(request: RunRequest): Promise<CachedLayer | Unsealed> {
	const { session, state, instruction, scope, fresh } = request;
	const { options } = session;
	const { env, args } = scope.environment();
	const { argv, script } = commandLineOf(instruction, state);
	const network = instruction.network === "default" ? options.network : instruction.network;
	checkAllowed(instruction, options.allow, options.network);
	const mounted: Mounted[] = [];
	try {
		for (const mount of instruction.mounts) mounted.push(await settleMount(request, mount));
		const { user, workingDir } = state.defaults;
		const described = mounted.map((one) => one.described);
		const keyOf = () =>
			cacheKey("run", chainOf(state.layers), argv, script ?? null, env, args, user, workingDir, network, {
				security: instruction.security,
				mounts: described,
				hosts: options.environment.addHosts,
				shm: options.environment.shmSize ?? null,
				ulimits: options.environment.ulimits,
				clampTo: session.clampTo ?? null,
			});
		const command: Command = { argv, script, network, mounted };
		if (fresh) return await runFresh(request, command, keyOf);
		return await session.cache.findOrMake(keyOf(), instruction.text, async () => {
			using made = new NewLayer(session.paths, layerDirectories(session.paths, state.layers));
			await execute(request, command, made);
			return await made.seal(session.db, session.clampTo);
		});
	} finally {
		for (const one of mounted) one.release?.();
	}
}

interface Command {
	readonly argv: string[];
	readonly script: { readonly path: string; readonly content: string } | undefined;
	readonly network: RunStep["network"];
	readonly mounted: readonly Mounted[];
}

/** On a layer that has no name yet, if the step before has left one: it gets it while the program runs. */
async function runFresh(request: RunRequest, command: Command, keyOf: () => string): Promise<Unsealed> {
	const { session, state, instruction } = request;
	const { pending } = state;
	state.pending = undefined; // from here on it is this step's
	let sealing: Promise<void> | undefined;
	const seal = () => {
		sealing ??= pending && sealInto(session, state, pending);
		return sealing ?? Promise.resolve();
	};
	try {
		const named = layerDirectories(session.paths, pending ? state.layers.slice(0, pending.index) : state.layers);
		const made = new NewLayer(session.paths, pending ? [pending.made.upper, ...named] : named);
		return await makeUnsealed(made, instruction.text, async () => {
			await execute(request, command, made, seal);
			await seal();
			return [keyOf()];
		});
	} finally {
		// What the step before has made counts, whatever became of this one.
		if (!session.stop.signal.aborted) await seal().catch(() => {});
		pending?.made[Symbol.dispose]();
	}
}

/** `seal`: what can be done while the program runs; afterwards all layers below have their names. */
async function execute(
	request: RunRequest,
	{ argv, script, network, mounted }: Command,
	made: NewLayer,
	seal: () => Promise<void> = async () => {},
): Promise<void> {
	const { session, state, instruction, scope } = request;
	const { env, args, hidden } = scope.environment();
	const { user, workingDir } = state.defaults;
	const further: StepMount[] = script
		? [{ kind: "secret", content: Buffer.from(script.content), target: script.path, mode: 0o755, uid: 0, gid: 0 }]
		: [];
	const step: RunStep = {
		...session.options.environment,
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
		onStarted: () => void seal().catch(() => {}), // who waits for it is told
		onOutput: (stream, bytes) => session.progress.output(request.vertex, stream, bytes),
		signal: session.stop.signal,
	};
	const exitCode = await session.host.runStep(step);
	if (exitCode === 0) return;
	const failure = new StepFailed(argv.join(" "), exitCode);
	if (session.host.debug) {
		await seal();
		session.stop.abort(failure); // nothing else is to write to the terminal now
		const [shell = "/bin/sh"] = state.defaults.shell ?? [];
		const directories = layerDirectories(session.paths, state.layers);
		await session.host.debug(
			{
				...step,
				directories: directories.length ? directories : step.directories,
				args: [shell],
				onStarted: undefined,
				signal: new AbortController().signal,
			},
			failure,
		);
	}
	throw failure;
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
		if (/[/\0]/.test(first.name)) throw new EngineError("invalid", `invalid name of a script: ${first.name}`);
		const path = `/dev/pipes/${first.name}`;
		return { argv: [path], script: { path, content: first.content } };
	}
	return { argv: commandOf({ shell: true, args: [first.content] }, state.defaults), script: undefined };
}
