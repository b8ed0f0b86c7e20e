/** Networks by what users call them, and the three that are always there. */
import { EngineError } from "../../errors.ts";
import { getNetwork, getNetworkById, type NetworkRecord, networksByPrefix } from "../../store/networks.ts";
import { consistsOf, HEX_DIGITS } from "../../sys/text.ts";
import type { Engine } from "../engine.ts";
import { ensurePredefined, PREDEFINED } from "./default.ts";

/** By full ID, then name, then unique beginning of an ID. */
export function findNetwork(engine: Engine, nameOrId: string): NetworkRecord {
	const exact = getNetworkById(engine.db, nameOrId) ?? getNetwork(engine.db, nameOrId);
	if (exact) return exact;
	if (PREDEFINED.includes(nameOrId)) {
		ensurePredefined(engine);
		return findNetwork(engine, nameOrId);
	}
	if (nameOrId !== "" && nameOrId.length < 64 && consistsOf(nameOrId, HEX_DIGITS)) {
		const [found, another] = networksByPrefix(engine.db, nameOrId);
		if (found && another)
			throw new EngineError("invalid", `network ${nameOrId} is ambiguous (2 matches found on name)`);
		if (found) return found;
	}
	throw new EngineError("not-found", `network ${nameOrId} not found`);
}
