/** How a container is: what its monitor has noted of its health checks (native/health.c). */
import type { ListedContainer } from "../../store/container-record.ts";
import { readFileSync } from "../../sys/fs.ts";
import type { Engine } from "../engine.ts";

export interface Health {
	readonly status: "starting" | "healthy" | "unhealthy";
	readonly failingStreak: number;
	/** The oldest first. Times in nanoseconds since 1970; an exit code of -1: it took too long. */
	readonly log: readonly {
		readonly start: bigint;
		readonly end: bigint;
		readonly exitCode: number;
		readonly output: string;
	}[];
}

const STATUSES = ["starting", "healthy", "unhealthy"] as const;

/** Whether anything is run. */
export const isChecked = ({ config }: Pick<ListedContainer, "config">): boolean =>
	/^CMD/.test(config.healthcheck?.test[0] ?? "");

/** undefined: nothing is checked, or it has never run. Who does not run is not healthy. */
export function healthOf(engine: Engine, container: ListedContainer): Health | undefined {
	if (!isChecked(container) || container.state.startedAt === null) return undefined;
	if (container.state.status !== "running") return { status: "unhealthy", failingStreak: 0, log: [] };
	const bytes = noted(`${engine.paths.live(container.id)}/health`);
	return bytes ? parse(bytes) : { status: "starting", failingStreak: 0, log: [] };
}

function noted(path: string): Buffer | undefined {
	try {
		return Buffer.from(readFileSync(path));
	} catch {
		return undefined; // its program does not run yet
	}
}

/** "<status> <streak> <count>\n", and for each result "<start> <end> <code> <length>\n", its output, "\n". */
function parse(bytes: Buffer): Health {
	let at = 0;
	const line = (): string[] => {
		const end = bytes.indexOf(10, at);
		const text = bytes.toString("latin1", at, end < 0 ? bytes.length : end);
		at = end < 0 ? bytes.length : end + 1;
		return text.split(" ");
	};
	const [status = "0", streak = "0", count = "0"] = line();
	const log = Array.from({ length: Number(count) }, () => {
		const [start = "0", end = "0", code = "0", length = "0"] = line();
		const output = bytes.toString("utf8", at, at + Number(length));
		at += Number(length) + 1;
		return { start: BigInt(start), end: BigInt(end), exitCode: Number(code), output };
	});
	return { status: STATUSES[Number(status)] ?? "starting", failingStreak: Number(streak), log };
}
