/**
 * Makes ./NanoContainer: compiles native/ to one static ELF, makes the embedded image, and lets Bun put both and all of
 * src/ into one executable.
 *
 *   bun build.ts [--with-packages demo|test] [--no-profile]
 *
 * As root it then runs a few commands of the new executable and builds again with the bytecode in the order that they
 * used it, which saves 1 ms of 21 at each `run`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import type { BunPlugin } from "bun";
import { makeImage } from "./src/image/make-embedded.ts";
import { ensurePackages } from "./test/packages.ts";

const OUT = "NanoContainer";

function run(command: string[], env: Record<string, string> = {}): { ok: boolean; stdout: string; stderr: string } {
	const result = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe", env: { ...process.env, ...env } });
	return { ok: result.success, stdout: result.stdout.toString().trim(), stderr: result.stderr.toString() };
}

function fail(message: string): never {
	process.stderr.write(`build: ${message}\n`);
	process.exit(1);
}

/** musl makes the smallest file; glibc works too. */
function compileNative(): void {
	const compiler = ["musl-gcc", "cc"].find((name) => Bun.which(name));
	if (!compiler) fail("no C compiler found: apt-get install musl-tools (or gcc and libc6-dev)");
	const sources = [...new Bun.Glob("native/*.c").scanSync()].sort();
	const flags = ["-static", "-Os", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
	const result = run([compiler, ...flags, "-o", "build/monitor", ...sources]);
	if (!result.ok) fail(`${compiler} failed:\n${result.stderr}`);
}

/** citty asks for node:util when it is loaded, for a parser that is not used here: 1.2 ms of every start. */
const lazyUtil: BunPlugin = {
	name: "lazy node:util for citty",
	setup(build) {
		build.onLoad({ filter: /citty\/dist\/index\.mjs$/ }, async ({ path }) => {
			const text = await Bun.file(path).text();
			const lazy = 'const parseArgs$1 = (...args) => require("node:util").parseArgs(...args);';
			return { contents: text.replace('import { parseArgs as parseArgs$1 } from "node:util";', lazy), loader: "js" };
		});
	},
};

/**
 * A command is over before code compiled for speed pays: the thresholds are put so high that it is not compiled. What
 * runs for long (a pull) sets them back (src/image/pull.ts). It saves 3 of 23 ms of `run`.
 */
const JIT_POLICY = 100;

async function compile(profile: readonly string[]): Promise<void> {
	const commit = run(["git", "rev-parse", "--short=7", "HEAD"]);
	const { version } = (await Bun.file("package.json").json()) as { version: string };
	const result = await Bun.build({
		entrypoints: ["src/main.ts", "src/image/unpack-worker.ts"],
		compile: {
			outfile: OUT,
			autoloadDotenv: false,
			autoloadBunfig: false,
			jitPolicy: JIT_POLICY,
			...(profile.length ? { bytecodeOrder: [...profile] } : {}),
		},
		plugins: [lazyUtil],
		minify: true,
		splitting: true,
		bytecode: true,
		sourcemap: "linked",
		target: "bun",
		format: "esm",
		define: {
			NANOCONTAINER_VERSION: JSON.stringify(version),
			NANOCONTAINER_COMMIT: JSON.stringify(commit.ok ? commit.stdout : "unknown"),
		},
	});
	if (!result.success) fail(result.logs.join("\n"));
}

/** Runs the commands whose start must be fast, and records which functions they use, for the order of the bytecode. */
function recordProfile(): string[] {
	const scratch = "build/profile";
	rmSync(scratch, { recursive: true, force: true });
	const global = ["--root", `${scratch}/root`, "--run", `${scratch}/run`];
	const recipes: Record<string, string[]> = {
		run: ["run", "--rm", "--network", "none", "nanocontainer/busybox", "true"],
		ps: ["ps", "-a"],
	};
	const orders = Object.entries(recipes).flatMap(([name, args]) => {
		const order = `build/${name}.order`;
		run([`./${OUT}`, ...global, ...args]); // first, so that the image is there
		run([`./${OUT}`, ...global, ...args], { BUN_BYTECODE_ORDER_OUT: order });
		return existsSync(order) ? [order] : [];
	});
	rmSync(scratch, { recursive: true, force: true });
	return orders;
}

const withPackages = process.argv.indexOf("--with-packages");
if (withPackages > 0) ensurePackages(process.argv[withPackages + 1] === "test" ? "test" : "demo");

process.chdir(import.meta.dir);
mkdirSync("build", { recursive: true });
compileNative();
await makeImage("build");
await compile([]);
process.stdout.write(
	`${OUT}: ${(statSync(OUT).size / 1e6).toFixed(1)} MB, of which the monitor ${(readFileSync("build/monitor").length / 1e3).toFixed(0)} kB\n`,
);
if (!process.argv.includes("--no-profile") && process.getuid?.() === 0) {
	const orders = recordProfile();
	if (orders.length) await compile(orders);
}
