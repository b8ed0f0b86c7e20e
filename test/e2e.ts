/**
 * `bun run e2e [name]`: each suite of test/clients, test/e2e and test/vm in network and mount namespaces of its own. What it calls the host is
 * such a namespace; nothing outside is touched.
 */
import { mkdirSync } from "node:fs";
import { debianPackage } from "./foreign.ts";
import { add, countJunit, run, type Tally } from "./tally.ts";
import { debianKernel } from "./vm/kernel.ts";

export function e2e(names: readonly string[]): Tally {
	if (process.getuid?.() !== 0) {
		process.stderr.write("The end-to-end tests need root: containers do\n");
		return { passed: 0, failed: 1, skipped: 0 };
	}
	mkdirSync("build", { recursive: true });
	const all = [...new Bun.Glob("test/{clients,e2e,vm}/*.test.ts").scanSync()].sort();
	const chosen = names.length
		? all.filter((file) => names.some((name) => file.includes(`/${name}`) || file === name))
		: all;
	if (chosen.some((file) => file.startsWith("test/vm/"))) prepareMachines();
	let tally: Tally = { passed: 0, failed: 0, skipped: 0 };
	for (const file of chosen) {
		const report = "build/e2e.xml";
		const started = performance.now();
		process.stdout.write(`== ${file}\n`);
		const ok = run([
			...["unshare", "--net", "--mount", "--propagation", "private"],
			...[
				process.execPath,
				"test",
				`./${file}`,
				"--timeout",
				"120000",
				"--reporter=junit",
				`--reporter-outfile=${report}`,
			],
		]);
		tally = add(tally, countJunit(report, ok));
		process.stdout.write(`   ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
	}
	return tally;
}

/** What machines are made of comes over the network, which the suites do not have. */
function prepareMachines(): void {
	debianKernel("amd64");
	debianKernel("arm64");
	debianPackage("qemu-user-static", "amd64");
	if (!run([process.execPath, "build.ts", "--arch", "arm64"]))
		process.stderr.write("NanoContainer-arm64 was not built\n");
}

if (import.meta.main) {
	process.chdir(`${import.meta.dir}/..`);
	const tally = e2e(process.argv.slice(2));
	process.stdout.write(
		`${tally.passed} passed, ${tally.failed} failed${tally.skipped ? `, ${tally.skipped} skipped` : ""}\n`,
	);
	process.exit(tally.failed ? 1 : 0);
}
