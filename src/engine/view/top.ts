/** `top`: the processes of a container, as ps(1) shows them, out of /proc: neither host nor container needs a ps. */
import { EngineError, messageOf } from "../../errors.ts";
import { findContainer } from "../../store/containers.ts";
import { readFileSync } from "../../sys/fs.ts";
import { viewHost, viewProcess } from "../../sys/process-view.ts";
import type { Engine } from "../engine.ts";
import { runningPid } from "../running.ts";
import { columnsOf } from "./top-columns.ts";

export interface ProcessTable {
	readonly titles: readonly string[];
	readonly rows: readonly (readonly string[])[];
}

/** `options`: those of ps(1). Pids, and names of users, are the host's. Throws EngineError where it does not run. */
export function top(engine: Engine, nameOrId: string, options: readonly string[]): ProcessTable {
	const container = findContainer(engine.db, nameOrId);
	const init = runningPid(container);
	if (init === undefined) throw new EngineError("not-running", `container ${container.id} is not running`);
	const columns = asked(options);
	const host = viewHost();
	const names = { user: nameIn("/etc/passwd"), group: nameIn("/etc/group") };
	const pids = container.state.cgroup ? (engine.cgroups?.processes(container.state.cgroup) ?? [init]) : [init];
	const processes = pids.toSorted((a, b) => a - b).flatMap((pid) => viewProcess(pid) ?? []);
	return {
		titles: columns.map(({ title }) => title),
		rows: processes.map((process) => columns.map(({ cell }) => cell(process, host, names))),
	};
}

function asked(options: readonly string[]) {
	try {
		return columnsOf(options);
	} catch (error) {
		throw new EngineError("invalid", messageOf(error));
	}
}

/** Its third field is the number (passwd(5), group(5)). */
function nameIn(path: string): (id: number) => string {
	let names: Map<string, string> | undefined;
	return (id) => {
		names ??= new Map(linesOf(path).map((line) => [line.split(":")[2] ?? "", line.split(":")[0] ?? ""]));
		return names.get(String(id)) ?? String(id);
	};
}

function linesOf(path: string): string[] {
	try {
		return readFileSync(path, "utf8").split("\n");
	} catch {
		return [];
	}
}
