/** Progress of a pull: bars on a terminal, a line for each change of a layer otherwise. */
import type { LayerStatus } from "../../image/pull/layers.ts";
import { isTerminal, windowSize } from "../../sys/terminal.ts";
import { drawOnError, print } from "../output/output.ts";
import { humanSize } from "../output/units.ts";

export interface Progress {
	onLayer(short: string, status: LayerStatus, current?: number, total?: number): void;
	end(): void;
}

const REDRAW_MS = 100;
const BAR = 30;

/** Writes to descriptor 1 or 2. */
export function progress(fd: 1 | 2): Progress {
	const write = fd === 1 ? print : drawOnError;
	return isTerminal(fd) ? bars(write, () => windowSize(fd).columns || 80) : lines(write);
}

function lines(write: (text: string) => void): Progress {
	const last = new Map<string, LayerStatus>();
	const shown: readonly LayerStatus[] = ["Pulling fs layer", "Download complete", "Pull complete", "Already exists"];
	return {
		onLayer(short, status) {
			if (last.get(short) === status || !shown.includes(status)) return;
			last.set(short, status);
			write(`${short}: ${status}\n`);
		},
		end() {},
	};
}

interface Layer {
	status: LayerStatus;
	current: number;
	total: number;
	since: number;
}

function bars(write: (text: string) => void, width: () => number): Progress {
	const layers = new Map<string, Layer>();
	let drawn = 0;
	let due = 0;
	const draw = () => {
		const rows = [...layers].map(([short, layer]) => `${short}: ${describe(layer)}`.slice(0, width() - 1));
		// Up to the first line, each line cleared and written anew (ECMA-48, CUU and EL).
		write(`${drawn ? `\x1b[${drawn}A` : ""}${rows.map((row) => `\x1b[2K${row}\n`).join("")}`);
		drawn = rows.length;
	};
	return {
		onLayer(short, status, current = 0, total = 0) {
			const before = layers.get(short);
			const since = before?.status === status ? before.since : performance.now();
			layers.set(short, { status, current, total, since });
			if (status === "Downloading" && performance.now() < due) return;
			due = performance.now() + REDRAW_MS;
			draw();
		},
		end() {
			if (layers.size) draw();
		},
	};
}

function describe({ status, current, total, since }: Layer): string {
	if (status !== "Downloading" || total === 0) return status;
	const filled = Math.floor((current / total) * BAR);
	const bar = `[${"=".repeat(Math.max(filled - 1, 0))}${filled ? ">" : ""}${" ".repeat(BAR - filled)}]`;
	const seconds = (performance.now() - since) / 1000;
	const rate = seconds > 0.2 ? `  ${humanSize(Math.round(current / seconds))}/s` : "";
	return `${status} ${bar} ${humanSize(current)}/${humanSize(total)}${rate}`;
}
