/**
 * Makes ./NanoContainer: compiles native/ to one static ELF, makes the embedded image, lets Bun put both and all of
 * src/ into one executable, and makes that one start without the host's libc.
 *
 *   bun build.ts [--arch x64|arm64] [--with-packages demo|test] [--no-profile]
 *
 * For the other architecture it is NanoContainer-arm64 (or -x64). As root it then runs a few commands of the new
 * executable and builds again with the bytecode in the order that they used it, which saves 1 ms of 21 at each `run`.
 */
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import type { BunPlugin } from "bun";
import { compileMonitor, compileStart } from "./native/compile.ts";
import { licenceText } from "./native/licences.ts";
import { type Arch, carriedFiles, makeSelfContained } from "./native/self-contained.ts";
import { makeImage } from "./src/image/embedded/make-embedded.ts";
import { bunFor, debianPackage } from "./test/foreign.ts";
import { ensurePackages } from "./test/packages.ts";

const { values: options } = parseArgs({
	options: { arch: { type: "string" }, "with-packages": { type: "string" }, "no-profile": { type: "boolean" } },
});
const arch = architecture(options.arch ?? process.arch);
const foreign = arch !== process.arch;
/** What is made on the way. */
const DIR = foreign ? `build/${arch}` : "build";
const OUT = foreign ? `NanoContainer-${arch}` : "NanoContainer";

function architecture(name: string): Arch {
	if (name === "x64" || name === "amd64" || name === "x86_64") return "x64";
	if (name === "arm64" || name === "aarch64") return "arm64";
	return fail(`--arch ${name}: x64 or arm64`);
}

function run(command: string[], env: Record<string, string> = {}): { ok: boolean; stdout: string; stderr: string } {
	const result = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe", env: { ...process.env, ...env } });
	return { ok: result.success, stdout: result.stdout.toString().trim(), stderr: result.stderr.toString() };
}

function fail(message: string): never {
	process.stderr.write(`build: ${message}\n`);
	process.exit(1);
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

/** ssh2 tries libraries that an installation may have compiled, for this machine alone; without them it uses node:crypto. */
const nothingNative: BunPlugin = {
	name: "no libraries of this machine",
	setup(build) {
		build.onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, namespace: "native" }));
		build.onLoad({ filter: /.*/, namespace: "native" }, () => ({
			contents: 'module.exports = {}; throw new Error("it is of the machine that installs");',
			loader: "js",
		}));
	},
};

/** src/ imports what lies in build/; what was made for another architecture lies deeper. */
const builtFiles: BunPlugin = {
	name: "files of the build",
	setup(build) {
		build.onResolve({ filter: /^(\.\.\/)+build\/(image-[a-z.]+|licences)$/ }, ({ path }) => ({
			path: `${import.meta.dir}/${DIR}/${path.split("/").at(-1)}`,
		}));
	},
};

/**
 * A command is over before code compiled for speed pays: the thresholds are put so high that it is not compiled. What
 * runs for long (a pull) sets them back (src/image/pull/pull.ts). It saves 3 of 23 ms of `run`.
 */
const JIT_POLICY = 100;

async function compile(profile: readonly string[]): Promise<void> {
	const commit = run(["git", "rev-parse", "--short=7", "HEAD"]);
	const built = run(["git", "show", "--no-patch", "--format=%ct", "HEAD"]);
	const { version } = (await Bun.file("package.json").json()) as { version: string };
	const result = await Bun.build({
		entrypoints: ["src/main.ts", "src/image/layer/unpack-worker.ts"],
		compile: {
			outfile: OUT,
			target: `bun-linux-${arch}`,
			...(foreign ? { executablePath: bunFor(arch) } : {}),
			autoloadDotenv: false,
			autoloadBunfig: false,
			jitPolicy: JIT_POLICY,
			...(profile.length ? { bytecodeOrder: [...profile] } : {}),
		},
		plugins: [lazyUtil, nothingNative, builtFiles],
		minify: true,
		splitting: true,
		minChunkSize: 16 * 1024, // package.json's sideEffects lets small chunks be folded: each takes its time to link
		bytecode: true,
		sourcemap: "linked",
		target: "bun",
		format: "esm",
		define: {
			"process.arch": JSON.stringify(arch), // the other architecture's tables fall away
			NANOCONTAINER_VERSION: JSON.stringify(version),
			NANOCONTAINER_BUILT: JSON.stringify(Number(built.stdout || Date.now() / 1000) * 1000),
			NANOCONTAINER_COMMIT: JSON.stringify(commit.ok ? commit.stdout : "unknown"),
		},
	});
	if (!result.success) fail(result.logs.join("\n"));
	// They are in the executable; beside it they are litter.
	for (const map of new Bun.Glob("*.map").scanSync()) rmSync(map);
	makeSelfContained(OUT, compileStart(arch, `${DIR}/start`), carriedFiles(arch), `${DIR}/monitor`);
}

const CONTAINER = ["--network", "none", "nanocontainer/busybox"];
/** In this order: the most important first, and the container that `exec` needs before it. */
const RECIPES: Readonly<Record<string, readonly string[]>> = {
	run: ["run", "--rm", ...CONTAINER, "true"],
	detached: ["run", "-d", "--name", "profile", ...CONTAINER, "sleep", "1000"],
	exec: ["exec", "profile", "true"],
	ps: ["ps", "-a"],
	rm: ["rm", "-f", "profile"],
};
const orderOf = (name: string): string => `build/${name}.order`;
const ORDERS = Object.keys(RECIPES).map(orderOf);

/** Runs the commands whose start must be fast, and records which functions they use, for the order of the bytecode. */
function recordProfile(): string[] {
	const scratch = "build/profile";
	rmSync(scratch, { recursive: true, force: true });
	const global = ["--root", `${scratch}/root`, "--run", `${scratch}/run`];
	run([`./${OUT}`, ...global, ...(RECIPES["run"] ?? [])]); // first, so that the image is there
	const orders = Object.entries(RECIPES).flatMap(([name, args]) => {
		const order = orderOf(name);
		run([`./${OUT}`, ...global, ...args], { BUN_BYTECODE_ORDER_OUT: order });
		return existsSync(order) ? [order] : [];
	});
	rmSync(scratch, { recursive: true, force: true });
	return orders;
}

/** The embedded image's busybox, for the other architecture from Debian's package. */
function makeEmbeddedImage(): void {
	const debianArch = arch === "arm64" ? "arm64" : "amd64";
	makeImage(DIR, debianArch, foreign ? `${debianPackage("busybox-static", debianArch)}/` : "/");
}

async function main(): Promise<void> {
	const packages = options["with-packages"];
	if (packages) ensurePackages(packages === "test" ? "test" : "demo");
	process.chdir(import.meta.dir);
	mkdirSync(DIR, { recursive: true });
	compileMonitor(arch, `${DIR}/monitor`);
	makeEmbeddedImage();
	await Bun.write(`${DIR}/licences`, licenceText());
	// One order serves every architecture: it names functions.
	await compile(foreign ? ORDERS.filter((order) => existsSync(order)) : []);
	if (!carriedFiles(arch).length)
		process.stderr.write("build: no glibc here to carry: the executable needs the host's\n");
	const size = (path: string, unit: number) => (statSync(path).size / unit).toFixed(1);
	process.stdout.write(`${OUT}: ${size(OUT, 1e6)} MB, of which the monitor ${size(`${DIR}/monitor`, 1e3)} kB\n`);
	if (options["no-profile"] || foreign || process.getuid?.() !== 0) return;
	const orders = recordProfile();
	if (orders.length) await compile(orders);
}

await main().catch((error) => fail(error instanceof Error ? error.message : String(error)));
