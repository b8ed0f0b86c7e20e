/** One stage: its base, then one instruction after the other. What changes files becomes a layer, the rest is noted. */
import { EngineError } from "../errors.ts";
import { layerDirectories } from "../image/layer/rootfs-view.ts";
import { SyscallError } from "../sys/errno.ts";
import { type CachedLayer, cacheKey, chainOf } from "./cache/cache.ts";
import type { StageInstruction } from "./dockerfile/instruction.ts";
import { DockerfileError } from "./dockerfile/lines.ts";
import { parseInstruction } from "./dockerfile/parse.ts";
import { Scope, type ScopeInputs } from "./dockerfile/scope.ts";
import type { Stage } from "./dockerfile/stages.ts";
import { Destination } from "./files/place.ts";
import { NewLayer } from "./session/layer.ts";
import { dropPending, settlePending } from "./session/pending.ts";
import type { Vertex } from "./session/progress.ts";
import type { BuildSession } from "./session/session.ts";
import type { OpenSource } from "./session/sources.ts";
import { pushLayer, pushMetadata, type StageState } from "./session/state.ts";
import { isUnsealed, makeUnsealed, type Unsealed } from "./session/unsealed.ts";
import { copyStep } from "./steps/copy-step.ts";
import { applyMetadata, type MetadataInstruction } from "./steps/metadata.ts";
import { lookUpUser } from "./steps/owner.ts";
import { runStep } from "./steps/run-step.ts";

export interface StageRequest {
	readonly session: BuildSession;
	readonly stage: Stage;
	/** "build", "stage-1", or "" if there is but one stage. */
	readonly title: string;
	/** What the base gives; changed from here on. */
	readonly state: StageState;
	readonly scope: ScopeInputs;
	/** Opens what `--from` names. */
	readonly openFrom: (from: string | undefined) => Promise<OpenSource>;
}

const makesLayer = ({ kind }: StageInstruction): boolean =>
	kind === "RUN" || kind === "COPY" || kind === "ADD" || kind === "WORKDIR";

const isMetadata = (instruction: StageInstruction): instruction is MetadataInstruction =>
	instruction.kind !== "RUN" && instruction.kind !== "COPY" && instruction.kind !== "ADD";

export async function buildStage(request: StageRequest): Promise<StageState> {
	const { session, stage, state, title } = request;
	// What the base image has kept for who builds on it comes first.
	const triggers = state.defaults.onbuild.map(parseInstruction);
	state.defaults.onbuild = [];
	const instructions = [...triggers, ...stage.instructions];
	const total = 1 + instructions.filter(makesLayer).length;
	const scope = new Scope(request.scope, state.defaults.env, state.args, session.consumedArgs);
	let number = 1;
	try {
		for (const instruction of instructions) {
			session.stop.signal.throwIfAborted();
			const position = `[${title ? `${title} ` : ""}${number + 1}/${total}]`;
			if (makesLayer(instruction)) number++;
			try {
				await carryOut(request, instruction, scope, position);
			} catch (error) {
				throw withPlace(error, instruction);
			}
		}
		await settlePending(session, state);
	} finally {
		dropPending(state);
	}
	state.args = scope.args;
	return state;
}

/** An error knows its line, unless it comes from elsewhere (a trigger has no line here). */
function withPlace(error: unknown, { range }: StageInstruction): unknown {
	if (error instanceof DockerfileError) return error;
	const told = error instanceof SyscallError ? new EngineError("failed", error.message, { cause: error }) : error;
	if (!(told instanceof EngineError)) return told;
	return Object.assign(told, { range: (told as { range?: unknown }).range ?? range });
}

async function carryOut(
	request: StageRequest,
	instruction: StageInstruction,
	scope: Scope,
	position: string,
): Promise<void> {
	const { session, state } = request;
	const { epoch } = session.options;
	if (isMetadata(instruction)) {
		const text = applyMetadata(instruction, state.defaults, scope, request.scope.escapeChar);
		if (instruction.kind !== "WORKDIR" || state.defaults.workingDir === "/") {
			if (instruction.kind !== "ONBUILD") pushMetadata(state, text, epoch); // BuildKit tells nothing of these
			return;
		}
		await settlePending(session, state);
		const layer = await step(request, `${position} ${instruction.text}`, () => workdirStep(request));
		pushLayer(state, text, layer, epoch);
		return;
	}
	const { openFrom } = request;
	const fresh = isFresh(request);
	// Who copies has no time to spare, and where times are clamped a program must see them as they will be.
	if (instruction.kind !== "RUN" || session.clampTo !== undefined) await settlePending(session, state);
	const layer = await step(request, `${position} ${instruction.text}`, (vertex) =>
		instruction.kind === "RUN"
			? runStep({ session, state, instruction, scope, openFrom, fresh, vertex })
			: copyStep(session, state, instruction, scope, openFrom, fresh),
	);
	pushLayer(state, `${historyOf(instruction, state, scope)} # buildkit`, layer, epoch);
}

function step(
	{ session }: StageRequest,
	name: string,
	action: (vertex: Vertex) => Promise<CachedLayer | Unsealed>,
): Promise<CachedLayer | Unsealed> {
	return session.vertices.run(name, async (vertex) => {
		const layer = await action(vertex);
		return { value: layer, cached: !isUnsealed(layer) && layer.cached };
	});
}

/** --no-cache, or this stage by --no-cache-filter. */
function isFresh({ session: { options }, stage }: StageRequest): boolean {
	return options.noCache || (stage.name !== undefined && options.noCacheFilter.has(stage.name));
}

/** The directory, made if it is missing. */
function workdirStep(request: StageRequest): Promise<CachedLayer | Unsealed> {
	const { session, state } = request;
	const { workingDir } = state.defaults;
	const description = `WORKDIR ${workingDir}`;
	const owner = state.defaults.user ? lookUpUser(session, state, state.defaults.user) : undefined;
	const key = cacheKey("workdir", chainOf(state.layers), workingDir, owner ?? null, session.clampTo ?? null);
	const begin = () => new NewLayer(session.paths, layerDirectories(session.paths, state.layers));
	const fill = (made: NewLayer) => {
		using root = made.open();
		new Destination(root.number, { owner, chmod: undefined, keepsOwners: false }).ensureDirectory(workingDir);
	};
	if (isFresh(request)) {
		const made = begin();
		return makeUnsealed(made, description, async () => {
			fill(made);
			return [key];
		});
	}
	return session.cache.findOrMake(key, description, async () => {
		using made = begin();
		fill(made);
		return await made.seal(session.db, session.clampTo);
	});
}

/** As BuildKit writes it: for RUN the whole command line, with the arguments that it saw. */
function historyOf(instruction: StageInstruction, state: StageState, scope: Scope): string {
	if (instruction.kind !== "RUN") return instruction.text;
	const { args } = scope.environment();
	const seen = args.length ? `|${args.length} ${args.join(" ")} ` : "";
	const { shell, args: words } = instruction.command;
	const first = instruction.heredocs[0];
	const line = shell ? [...(state.defaults.shell ?? ["/bin/sh", "-c"]), ...words] : words;
	return `RUN ${seen}${line.join(" ")}${first ? ` (${first.content.split("\n")[0]}…)` : ""}`;
}
