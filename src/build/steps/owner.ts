/** Names of users and groups, looked up in the image that is built. */
import { EngineError } from "../../errors.ts";
import { resolveUser } from "../../runtime/users.ts";
import type { Owner } from "../files/attributes.ts";
import type { BuildSession } from "../session/session.ts";
import { openLayers } from "../session/sources.ts";
import type { StageState } from "../session/state.ts";

/** Of --chown. A name's group is the user's own; a number's is the same number. */
export function lookUpOwner(session: BuildSession, state: StageState, text: string): Owner {
	return ownerNamed(session, state, DIGITS_ONLY.test(text) ? `${text}:${text}` : text);
}

/** "name", "1000", "name:group", as USER has them. A name that the image does not know is root's, as with BuildKit. */
export const lookUpUser = (session: BuildSession, state: StageState, text: string): Owner =>
	ownerNamed(session, state, text);

function ownerNamed(session: BuildSession, state: StageState, text: string): Owner {
	using root = openLayers(session.paths, state.layers);
	const passwd = root.tree.read("etc/passwd")?.toString() ?? "";
	const groups = root.tree.read("etc/group")?.toString() ?? "";
	const resolve = (wanted: string): Owner | undefined => {
		try {
			return resolveUser(wanted, passwd, groups, []);
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			return undefined;
		}
	};
	const found = resolve(text);
	if (found) return { uid: found.uid, gid: found.gid };
	const [user = "", group = ""] = text.split(":");
	const { uid, gid } = resolve(user) ?? { uid: 0, gid: 0 };
	return { uid, gid: resolve(`0:${group}`)?.gid ?? (DIGITS_ONLY.test(user) ? uid : gid) };
}

/** A number's group is the same number, where the group that was named is not there. */
const DIGITS_ONLY = /^\d+$/;
