/** `--user` → numbers, by the container's own /etc/passwd and /etc/group (passwd(5), group(5)). Pure. */
import { EngineError } from "../errors.ts";

export interface ContainerUser {
	readonly uid: number;
	readonly gid: number;
	readonly groups: readonly number[];
	readonly home: string;
}

const MAX_ID = 2147483647;

interface PasswdEntry {
	name: string;
	uid: number;
	gid: number;
	home: string;
}
interface GroupEntry {
	name: string;
	gid: number;
	members: string[];
}

const fields = (text: string): string[][] =>
	text
		.split("\n")
		.filter((line) => line && !line.startsWith("#"))
		.map((line) => line.split(":"));

const isNumber = (text: string | undefined): text is string => text !== undefined && /^-?\d+$/.test(text);

function parsePasswd(text: string): PasswdEntry[] {
	return fields(text).flatMap(([name = "", , uid, gid, , home = ""]) =>
		isNumber(uid) && isNumber(gid) ? [{ name, uid: Number(uid), gid: Number(gid), home }] : [],
	);
}

function parseGroup(text: string): GroupEntry[] {
	return fields(text).flatMap(([name = "", , gid, members = ""]) =>
		isNumber(gid) ? [{ name, gid: Number(gid), members: members.split(",").filter(Boolean) }] : [],
	);
}

function checkId(id: number): number {
	if (id < 0 || id > MAX_ID) throw new EngineError("invalid", "uids and gids must be in range 0-2147483647");
	return id;
}

/**
 * "user", "uid", "user:group", "uid:gid" or "" for root. A number need not be in the files; a name must. A user given
 * with a group gets no supplementary groups; `extra` (--group-add) comes on top.
 */
export function resolveUser(spec: string, passwd: string, group: string, extra: readonly string[]): ContainerUser {
	const [userText = "", groupText] = spec.split(":");
	const users = parsePasswd(passwd);
	const groups = parseGroup(group);
	const entry = users.find((u) => u.name === userText) ?? users.find((u) => String(u.uid) === (userText || "0"));
	if (!entry && userText && !isNumber(userText)) {
		throw new EngineError("failed", `unable to find user ${userText}: no matching entries in passwd file`);
	}
	const uid = checkId(entry?.uid ?? Number(userText || 0));
	const groupId = (text: string): number => {
		const found = groups.find((g) => g.name === text);
		if (!found && !isNumber(text)) {
			throw new EngineError("failed", `Unable to find group ${text}: no matching entries in group file`);
		}
		return checkId(found?.gid ?? Number(text));
	};
	const gid = groupText ? groupId(groupText) : (entry?.gid ?? 0);
	const own = groupText || !entry ? [] : groups.filter((g) => g.members.includes(entry.name)).map((g) => g.gid);
	// The primary group is among them: without it, a program that drops its group could get around a negative entry in
	// an access control list (CVE-2022-36109).
	return { uid, gid, groups: [...new Set([gid, ...own, ...extra.map(groupId)])], home: entry?.home || "/" };
}
