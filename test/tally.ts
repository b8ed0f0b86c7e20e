/** Running test programs and counting what they say. */
import { readFileSync, rmSync } from "node:fs";

export interface Tally {
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
}

/** Runs a command with this process's output; true if it succeeded. */
export function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): boolean {
	return Bun.spawnSync([...command], { stdout: "inherit", stderr: "inherit", env: { ...process.env, ...env } }).success;
}

/** Counts of a JUnit report; a run that failed without a failed test (it crashed) counts as one failure. */
export function countJunit(path: string, ok: boolean): Tally {
	let text = "";
	try {
		text = readFileSync(path, "utf8");
		rmSync(path);
	} catch {
		// no report: it crashed
	}
	const root = /<testsuites[^>]*>/.exec(text)?.[0] ?? "";
	const number = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
	const failed = number("failures") + number("errors");
	const skipped = number("skipped");
	return {
		passed: number("tests") - failed - skipped,
		failed: failed === 0 && !ok ? 1 : failed,
		skipped,
	};
}

export const add = (a: Tally, b: Tally): Tally => ({
	passed: a.passed + b.passed,
	failed: a.failed + b.failed,
	skipped: a.skipped + b.skipped,
});
