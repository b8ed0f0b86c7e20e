/** `logs`: reads a json-file log (native/log.c writes it), and follows it. */
import { closeSync, fstatSync, openSync, readSync, watch } from "node:fs";
import * as v from "valibot";
import { EngineError } from "../../errors.ts";
import { MonitorClient } from "../../runtime/monitor.ts";
import type { Container } from "../../store/container-record.ts";
import { findContainer } from "../../store/containers.ts";
import type { Engine } from "../engine.ts";

const Record = v.object({ log: v.string(), stream: v.picklist(["stdout", "stderr"]), time: v.string() });
export type LogRecord = v.InferOutput<typeof Record>;

export interface LogOptions {
	readonly follow: boolean;
	/** Number of last lines; undefined: all. */
	readonly tail: number | undefined;
	/** RFC 3339 with nanoseconds, in UTC; compared as text. */
	readonly since: string | undefined;
	readonly until: string | undefined;
}

const CHUNK = 256 * 1024;

/** Calls `print` for each record, in order. With follow, returns when the container has ended. */
export async function logs(
	engine: Engine,
	nameOrId: string,
	options: LogOptions,
	print: (record: LogRecord) => void,
): Promise<void> {
	const container = findContainer(engine.db, nameOrId);
	if (container.config.host.logDriver === "none") {
		throw new EngineError("invalid", "configured logging driver does not support reading");
	}
	const path = engine.paths.container(container.id).log;
	let file: number;
	try {
		file = openSync(path, "r");
	} catch {
		return; // never started
	}
	try {
		const reader = new LogReader(file, options, print);
		const end = fstatSync(file).size;
		if (options.tail !== undefined) reader.position = tailPosition(file, end, options.tail);
		const follows = options.follow && container.state.status === "running";
		// Who does not follow gets what was there: a container that never stops writing would never be read to its end.
		reader.read(follows ? undefined : end);
		if (follows) await follow(engine, container, path, reader);
	} finally {
		closeSync(file);
	}
}

/** Where the last `lines` lines begin: read backwards, so that a long log costs no more than a short one. */
function tailPosition(file: number, end: number, lines: number): number {
	let position = end;
	let left = lines + 1; // the last line's own end counts
	const buffer = Buffer.alloc(CHUNK);
	while (position > 0) {
		const size = Math.min(CHUNK, position);
		const start = position - size;
		readSync(file, buffer, 0, size, start);
		for (let i = size - 1; i >= 0; i--) if (buffer[i] === 0x0a && --left === 0) return start + i + 1;
		position = start;
	}
	return 0;
}

class LogReader {
	position = 0;
	#rest = "";
	readonly #decoder = new TextDecoder();
	readonly #buffer = Buffer.alloc(CHUNK);

	constructor(
		readonly file: number,
		readonly options: LogOptions,
		readonly print: (record: LogRecord) => void,
	) {}

	/** Prints what there is, up to a place in the file if one is given; true while --until has not passed. */
	read(end = Number.POSITIVE_INFINITY): boolean {
		for (;;) {
			const n = readSync(this.file, this.#buffer, 0, Math.min(CHUNK, end - this.position), this.position);
			if (n === 0) return true;
			this.position += n;
			const lines = (this.#rest + this.#decoder.decode(this.#buffer.subarray(0, n), { stream: true })).split("\n");
			this.#rest = lines.pop() ?? "";
			for (const line of lines) if (!this.#line(line)) return false;
		}
	}

	#line(line: string): boolean {
		const parsed = v.safeParse(Record, safeJson(line));
		if (!parsed.success) return true; // a line cut off by a full disk
		const { time } = parsed.output;
		if (this.options.until !== undefined && time > this.options.until) return false;
		if (this.options.since === undefined || time >= this.options.since) this.print(parsed.output);
		return true;
	}
}

function safeJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** The file's changes come by inotify(7), the container's end from its monitor. */
async function follow(engine: Engine, container: Container, path: string, reader: LogReader): Promise<void> {
	using monitor = MonitorClient.connect(engine.paths.live(container.id));
	if (!monitor) {
		reader.read();
		return;
	}
	monitor.wait({ afterOutput: true });
	engine.letOthersIn();
	const stop = Promise.withResolvers<void>();
	const untilMs = reader.options.until === undefined ? undefined : Date.parse(reader.options.until) - Date.now();
	const timer = untilMs === undefined ? undefined : setTimeout(stop.resolve, Math.max(untilMs, 0));
	const watcher = watch(path, () => {
		if (!reader.read()) stop.resolve();
	});
	try {
		reader.read(); // what came between the first reading and the watch
		await Promise.race([stop.promise, ended(monitor)]);
		reader.read();
	} finally {
		watcher.close();
		clearTimeout(timer);
	}
}

async function ended(monitor: MonitorClient): Promise<void> {
	for (;;) {
		const event = await monitor.next();
		if (event.type === "exited" || event.type === "closed") return;
	}
}
