/** The picture of a build on a terminal, drawn anew several times a second: what is done, what runs, its last lines. */
import { type Recorder, type Seen, seconds } from "./recorder.ts";

const REDRAW_MS = 100;
const LOG_LINES = 4;

const CSI = "\x1b[";
/** NO_COLOR (no-color.org): any value but none. */
const paint =
	(code: number) =>
	(text: string): string =>
		process.env["NO_COLOR"] ? text : `${CSI}${code}m${text}${CSI}0m`;
const dim = paint(2);
const blue = paint(34);
const red = paint(31);

/** Returns the function that draws the last picture; from then on the terminal is others'. */
export function picture(
	recorder: Recorder,
	write: (text: string) => void,
	size: () => { readonly rows: number; readonly columns: number },
): () => void {
	let drawn = 0;
	const draw = (last: boolean) => {
		const { rows, columns } = size();
		const all = render(recorder, columns || 80, last);
		// What would not fit is left out above: the cursor cannot go up beyond the first row.
		const lines = last ? all : all.slice(-Math.max((rows || 24) - 1, 1));
		write(`${drawn ? `${CSI}${drawn}A` : ""}${CSI}0J${lines.map((line) => `${line}\n`).join("")}`);
		drawn = lines.length;
	};
	const timer = setInterval(() => draw(false), REDRAW_MS);
	recorder.onStart = () => draw(false);
	recorder.onEnd = () => draw(false);
	let closed = false;
	return () => {
		if (closed) return;
		closed = true;
		clearInterval(timer);
		recorder.onStart = recorder.onEnd = () => {};
		draw(true);
	};
}

function render(recorder: Recorder, width: number, last: boolean): string[] {
	const { seen } = recorder;
	const done = seen.filter(({ ended }) => ended !== undefined).length;
	const failed = seen.some(({ outcome }) => outcome?.kind === "failed");
	const total = seconds(performance.now() - recorder.begun);
	const state = !last ? "" : failed ? " ERROR" : " FINISHED";
	const head = `[+] Building ${total}s (${done}/${seen.length})${state}`;
	return [head, ...seen.flatMap((one) => rowsOf(one, width, last))];
}

function rowsOf(seen: Seen, width: number, last: boolean): string[] {
	const { vertex, started, ended, outcome } = seen;
	const time = `${seconds((ended ?? performance.now()) - started)}s`;
	const mark = outcome?.kind === "cached" ? "CACHED " : outcome?.kind === "failed" ? "ERROR " : "";
	const room = Math.max(width - time.length - 5, 10);
	const name = fit(`${mark}${vertex.name}`, room);
	const line = ` => ${name}${" ".repeat(Math.max(room - Bun.stringWidth(name), 0))}${time}`;
	const colored = outcome?.kind === "failed" ? red(line) : ended === undefined ? line : blue(line);
	const rest = Math.max(width - 10, 10);
	// The last picture is not drawn over: its lines may be longer than the terminal is wide, and names can be copied.
	const notes = () => seen.notes.map((text) => blue(` => => ${fit(text, last ? Number.POSITIVE_INFINITY : rest)}`));
	if (ended !== undefined) return [colored, ...notes()];
	const tail = seen.tail.slice(-LOG_LINES).map((text) => dim(` => => # ${fit(text, rest)}`));
	return [colored, ...tail];
}

/** Cut to a width, without what a container may write to move the cursor. */
function fit(text: string, width: number): string {
	const plain = Bun.stripANSI(text).replace(/[\x00-\x1f\x7f]/g, " ");
	let result = "";
	for (const c of plain) {
		if (Bun.stringWidth(result + c) > width) break;
		result += c;
	}
	return result;
}
