/** `bun run test`: builds, then format, lint, types, rules, unit and end-to-end tests. Ends with the counts. */
import { add, run } from "./tally.ts";

process.chdir(`${import.meta.dir}/..`);
// A fresh checkout has no dependencies yet; this file and those it imports use none.
if (!run([process.execPath, "install", "--frozen-lockfile"])) process.exit(1);
const { ensurePackages } = await import("./packages.ts");
ensurePackages("test");
if (!run([process.execPath, "build.ts"])) process.exit(1);
const { check } = await import("./check.ts");
const { e2e } = await import("./e2e.ts");
const tally = add(check(), e2e([]));
process.stdout.write(
	`${tally.passed} passed, ${tally.failed} failed${tally.skipped ? `, ${tally.skipped} skipped` : ""}\n`,
);
process.exit(tally.failed ? 1 : 0);
