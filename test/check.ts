/** `bun run check`: format, lint, types, rules and unit tests. No root, no network, under a minute. */
import { countJunit, run, type Tally } from "./tally.ts";

/** biome colours what is not a terminal too, a character at a time. */
const COLORS = process.stdout.isTTY ? [] : ["--colors=off"];

/** Runs all of it; stops at nothing, so that one call shows every mistake. */
export function check(): Tally {
	const steps: readonly (readonly [name: string, command: readonly string[]])[] = [
		["format and lint", ["node_modules/.bin/biome", "ci", "--error-on-warnings", ...COLORS]],
		["types", ["node_modules/.bin/tsc", "-p", "."]],
	];
	let passed = 0;
	let failed = 0;
	for (const [name, command] of steps) {
		process.stdout.write(`== ${name}\n`);
		if (run(command)) passed++;
		else failed++;
	}
	process.stdout.write("== rules and unit tests\n");
	const report = "build/unit.xml";
	const ok = run([process.execPath, "test", "test/unit", "--reporter=junit", `--reporter-outfile=${report}`]);
	const tests = countJunit(report, ok);
	return { passed: passed + tests.passed, failed: failed + tests.failed, skipped: tests.skipped };
}

if (import.meta.main) {
	process.chdir(`${import.meta.dir}/..`);
	const { existsSync } = await import("node:fs");
	if (!existsSync("build/monitor")) run([process.execPath, "build.ts"]);
	const tally = check();
	process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
	process.exit(tally.failed ? 1 : 0);
}
