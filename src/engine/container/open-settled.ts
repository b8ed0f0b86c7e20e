/** Opens the state for a command. */
import { Engine, type EngineOptions } from "../engine.ts";
import { reconcile } from "../settle/reconcile.ts";

/** What other commands left unfinished when they were killed is settled first of all. */
export async function openSettled(options: EngineOptions): Promise<Engine> {
	const engine = await Engine.open(options);
	await settleAll(engine);
	return engine;
}

/** Makes the records agree with the kernel, and starts who was to be started again by somebody who is gone. */
export async function settleAll(engine: Engine): Promise<void> {
	const due = await reconcile(engine);
	if (due.length === 0) return;
	const { startAgain } = await import("./restart.ts");
	for (const id of due) startAgain(engine, id);
}
