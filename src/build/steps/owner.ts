/** Names of users and groups, looked up in the image that is built. */
import { EngineError } from "../../errors.ts";
import { resolveUser } from "../../runtime/users.ts";
import type { Owner } from "../files/attributes.ts";
import type { BuildSession } from "../session/session.ts";
import { openLayers } from "../session/sources.ts";
import type { StageState } from "../session/state.ts";

/** Of --chown. "web" means the group of that name, or else the user's own. */
export function lookUpOwner(session: BuildSession, state: StageState, text: string): Owner {
	if (text.includes(":")) return lookUpUser(session, state, text);
	try {
		return lookUpUser(session, state, `${text}:${text}`);
	} catch (error) {
		if (!(error instanceof EngineError)) throw error;
		return lookUpUser(session, state, text);
	}
}

/** "name", "1000", "name:group", as USER has them. */
export function lookUpUser(session: BuildSession, state: StageState, text: string): Owner {
	using root = openLayers(session.paths, state.layers);
	const read = (path: string) => root.tree.read(path)?.toString() ?? "";
	const { uid, gid } = resolveUser(text, read("etc/passwd"), read("etc/group"), []);
	return { uid, gid };
}
