/** `--user` → numbers, by the container's own /etc/passwd and /etc/group (passwd(5), group(5)). Pure. */
import { EngineError } from "../errors.ts";
import { consistsOf, DIGITS } from "../sys/text.ts";

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

const isNumber = (text: string | undefined): text is string =>
	text !== undefined && consistsOf(text.startsWith("-") ? text.slice(1) : text, DIGITS);

function parsePasswd(text: string): PasswdEntry[] {
	const entries: PasswdEntry[] = [];
	for (const line of text.split("\n")) {
		const fields = line.split(":");
		const [name, uid, gid, home] = [fields[0] ?? "", fields[2], fields[3], fields[5] ?? ""];
		if (line.startsWith("#") || !isNumber(uid) || !isNumber(gid)) continue;
		entries.push({ name, uid: Number(uid), gid: Number(gid), home });
	}
	return entries;
}

function parseGroup(text: string): GroupEntry[] {
	const entries: GroupEntry[] = [];
	for (const line of text.split("\n")) {
		const [name = "", , gid, members = ""] = line.split(":");
		if (line.startsWith("#") || !isNumber(gid)) continue;
		entries.push({ name, gid: Number(gid), members: members.split(",") });
	}
	return entries;
}

function checkId(id: number): number {
	if (id < 0 || id > MAX_ID) throw new EngineError("invalid", "uids and gids must be in range 0-2147483647");
	return id;
}

/** What is a number is no name, also where somebody is called so; nobody named is root. */
function userOf(users: readonly PasswdEntry[], text: string): PasswdEntry | undefined {
	const number = text === "" ? 0 : isNumber(text) ? Number(text) : undefined;
	for (const user of users) if (number === undefined ? user.name === text : user.uid === number) return user;
	return undefined;
}

/**
 * "user", "uid", "user:group", "uid:gid" or "" for root. A number need not be in the files; a name must. A user given
 * with a group gets no supplementary groups; `extra` (--group-add) comes on top.
 */
export function resolveUser(spec: string, passwd: string, group: string, extra: readonly string[]): ContainerUser {
	const [userText = "", groupText] = spec.split(":");
	const users = parsePasswd(passwd);
	const groups = parseGroup(group);
	const entry = userOf(users, userText);
	if (!entry && userText && !isNumber(userText)) {
		throw new EngineError("failed", `unable to find user ${userText}: no matching entries in passwd file`);
	}
	const uid = checkId(entry?.uid ?? Number(userText || 0));
	const groupId = (text: string): number => {
		if (isNumber(text)) return checkId(Number(text));
		const found = groups.find((g) => g.name === text);
		if (!found) throw new EngineError("failed", `Unable to find group ${text}: no matching entries in group file`);
		return checkId(found.gid);
	};
	const gid = groupText ? groupId(groupText) : (entry?.gid ?? 0);
	// The primary group is among them: without it, a program that drops its group could get around a negative entry in
	// an access control list (CVE-2022-36109).
	const ids = [gid];
	const seen: Record<number, true> = { [gid]: true }; // an image may name a hundred thousand
	const add = (id: number) => {
		if (!seen[id]) ids.push(id);
		seen[id] = true;
	};
	for (const { gid, members } of groups) if (entry?.name && !groupText && members.includes(entry.name)) add(gid);
	for (const text of extra) add(groupId(text));
	return { uid, gid, groups: ids, home: entry?.home || "/" };
}
