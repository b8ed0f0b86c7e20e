/** Things done in turn by several programs, and how long each took: machines are noisy, only ratios count. */
import { mkdtempSync } from "node:fs";

export const BINARY = `${import.meta.dir}/../NanoContainer`;
export const IMAGE = "nanocontainer/busybox";
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 25);
export const dir = mkdtempSync("/tmp/nc-bench-");
export const nc = (...args: string[]) => [BINARY, "--root", `${dir}/root`, "--run", `${dir}/run`, ...args];

export interface Contender {
	readonly name: string;
	/** Runs the thing once. */
	readonly once: () => unknown;
	/** Not measured. */
	readonly after?: () => unknown;
}

export interface RunOptions {
	readonly cwd?: string;
	readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program; throws unless it succeeds. Returns the most memory it had, in bytes. */
export function sh(command: readonly string[], options: RunOptions = {}): number {
	const { cwd, env } = options;
	const result = Bun.spawnSync([...command], {
		stdout: "ignore",
		stderr: "pipe",
		env: { ...process.env, ...env },
		...(cwd ? { cwd } : {}),
	});
	if (!result.success) throw new Error(`${command.join(" ")}: ${result.stderr.toString()}`);
	return result.resourceUsage.maxRSS;
}

/** What a program prints, without blanks around it. */
export const read = (command: readonly string[]): string =>
	Bun.spawnSync([...command], { stdout: "pipe" })
		.stdout.toString()
		.trim();

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export const row = (title: string, name: string, value: string, ratio = ""): void => {
	process.stdout.write(`| ${title} | ${name} | ${value} | ${ratio} |\n`);
};

/** Whether a title is among those that were asked for. */
export const wanted = (title: string): boolean => title.includes(process.argv[2] ?? "");

/** Prints a row for each; the ratio is to what NanoContainer takes. One that fails is left out. */
export async function compare(title: string, contenders: readonly Contender[], rounds = ROUNDS): Promise<void> {
	if (!wanted(title)) return;
	const times = new Map<string, number[]>();
	const out = new Set<string>();
	for (let round = 0; round < rounds + 1; round++) {
		for (const { name, once, after } of contenders) {
			if (out.has(name)) continue;
			const start = performance.now();
			try {
				await once();
			} catch (error) {
				if (name === "NanoContainer") throw error;
				process.stderr.write(`left out: ${(error as Error).message}\n`); // not to be had on this host
				out.add(name);
				continue;
			}
			const ms = performance.now() - start;
			after?.();
			if (round > 0) times.set(name, [...(times.get(name) ?? []), ms]); // the first warms up
		}
	}
	const own = median(times.get("NanoContainer") ?? []);
	for (const [name, values] of times) {
		const ms = median(values);
		const shown = ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
		row(title, name, shown, name === "NanoContainer" ? "" : `${(ms / own).toFixed(1)} ×`);
	}
}
