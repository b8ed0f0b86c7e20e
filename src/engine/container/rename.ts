/** `rename` */
import { EngineError } from "../../errors.ts";
import { findContainer, renameContainer } from "../../store/containers.ts";
import { dropLiveName, putLiveRecord } from "../../store/live-records.ts";
import type { Engine } from "../engine.ts";
import { checkName } from "../identifiers.ts";
import { names } from "../plan/lazy.ts";
import { runningPid } from "../running.ts";

/** Also one that runs: others in its networks find it by the new name from then on. Throws EngineError for a name that is taken. */
export function rename(engine: Engine, nameOrId: string, newName: string): void {
	if (nameOrId === "" || newName === "") {
		throw new EngineError("invalid", "Neither old nor new names may be empty");
	}
	using lock = engine.lock(findContainer(engine.db, nameOrId).id);
	const { container } = lock;
	if (!container) throw new EngineError("not-found", `No such container: ${nameOrId}`);
	const name = checked(newName);
	if (name === container.name) {
		throw new EngineError("invalid", "Renaming a container with the same name as its current name");
	}
	const renamed = { ...container, name };
	engine.transaction(() => renameContainer(engine.db, container.id, name));
	const pid = runningPid(container);
	if (pid === undefined) return;
	dropLiveName(engine.paths, container);
	putLiveRecord(engine.paths, renamed);
	if (container.state.endpoints.some(({ lease }) => lease?.resolver)) names().announce(engine, renamed, pid);
}

function checked(name: string): string {
	try {
		return checkName(name);
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		throw new EngineError(error.code, `Error when allocating new name: ${error.message}`, { cause: error });
	}
}
