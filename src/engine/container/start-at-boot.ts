/** `system boot`: starts what is to run whenever this machine does. */
import { EngineError } from "../../errors.ts";
import type { ListedContainer } from "../../store/container-record.ts";
import { getContainer, listContainers } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";
import { start } from "./start.ts";

export interface StartedAtBoot {
	/** Names. */
	readonly started: readonly string[];
	readonly failed: readonly { readonly name: string; readonly reason: string }[];
}

/** "always", and "unless-stopped" where nobody had stopped it, as by docker; the oldest first. What has never run does not. */
export const isForBoot = ({ config, state }: ListedContainer): boolean => {
	const { name } = config.host.restartPolicy;
	const isWanted = name === "always" || (name === "unless-stopped" && !state.stopAsked);
	return isWanted && state.startedAt !== null && state.status === "exited";
};

export function startAtBoot(engine: Engine): StartedAtBoot {
	const started: string[] = [];
	const failed: { name: string; reason: string }[] = [];
	for (const { id, name } of listContainers(engine.db).filter(isForBoot).reverse()) {
		try {
			if (!getContainer(engine.db, id)) continue;
			start(engine, id, { attachment: undefined, terminalSize: { rows: 0, columns: 0 } });
			started.push(name);
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			if (!error.message.endsWith("is already running")) failed.push({ name, reason: error.message });
		}
	}
	return { started, failed };
}
