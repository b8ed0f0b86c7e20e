/**
 * What a container that runs is, beside its control socket in the run directory: a copy of its record as it was when it
 * started. `exec` finds it there by ID or name, and need not open the database, which takes a tenth of its time. Whether
 * it still lives is asked of the kernel, as always; who finds nothing here asks the database.
 */
import { messageOf } from "../errors.ts";
import { debug } from "../log.ts";
import type { Paths } from "../paths.ts";
import { readFileSync, rmSync, writeFileSync } from "../sys/fs.ts";
import { consistsOf, HEX_DIGITS } from "../sys/text.ts";
import type { Container } from "./container-record.ts";
import { parseContainer } from "./containers.ts";

const isId = (text: string): boolean => text.length === 64 && consistsOf(text, HEX_DIGITS);

const recordPath = (paths: Paths, id: string): string => `${paths.live(id)}/record`;
/** A file that holds the ID. */
const namePath = (paths: Paths, name: string): string => `${paths.liveNames}/${name}`;

/** The caller holds the container's lock. That it fails only costs time later. */
export function putLiveRecord(paths: Paths, container: Container): void {
	try {
		writeFileSync(recordPath(paths, container.id), JSON.stringify(container), { mode: 0o600 });
		writeFileSync(namePath(paths, container.name), container.id, { mode: 0o600 });
	} catch (error) {
		debug("store", () => `${container.name}: ${messageOf(error)}`);
	}
}

/** The record itself goes with the container's live directory. A name that can be no file's (255 bytes) has none. */
export function dropLiveName(paths: Paths, { name }: Container): void {
	try {
		rmSync(namePath(paths, name), { force: true });
	} catch (error) {
		debug("store", () => `${name}: ${messageOf(error)}`);
	}
}

/** By full ID or name; undefined: it does not run, or was found half written. */
export function findLiveRecord(paths: Paths, nameOrId: string): Container | undefined {
	const name = nameOrId.startsWith("/") ? nameOrId.slice(1) : nameOrId;
	if (name === "" || name.includes("/")) return undefined;
	try {
		const id = isId(name) ? name : readFileSync(namePath(paths, name), "latin1");
		if (!isId(id)) return undefined;
		const container = parseContainer(JSON.parse(readFileSync(recordPath(paths, id), "utf8")));
		return container.id === id && (id === name || container.name === name) ? container : undefined;
	} catch {
		return undefined;
	}
}
