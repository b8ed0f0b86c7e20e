/**
 * `bun run bench [filter]`: how long things take, beside docker, podman, runc and crun where they are installed, all
 * interleaved in one run, because machines are noisy and only ratios count. Prints a table; fails nothing.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const BINARY = `${import.meta.dir}/../NanoContainer`;
const IMAGE = "nanocontainer/busybox";
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 25);
const dir = mkdtempSync("/tmp/nc-bench-");
const nc = (...args: string[]) => [BINARY, "--root", `${dir}/root`, "--run", `${dir}/run`, ...args];

interface Contender {
	readonly name: string;
	/** Runs the thing once. */
	readonly once: () => void | Promise<void>;
	readonly after?: () => void;
}

function sh(command: readonly string[]): void {
	const result = Bun.spawnSync([...command], { stdout: "ignore", stderr: "pipe" });
	if (!result.success) throw new Error(`${command.join(" ")}: ${result.stderr.toString()}`);
}

/** A bundle for bare runtimes: the embedded image's files, no network, their own default configuration. */
function bundle(): string | undefined {
	const runtime = ["runc", "crun"].find((name) => Bun.which(name));
	if (!runtime) return undefined;
	const path = `${dir}/bundle`;
	mkdirSync(`${path}/rootfs/bin`, { recursive: true });
	sh(["cp", "/bin/busybox", `${path}/rootfs/bin/busybox`]);
	sh(["ln", "-s", "busybox", `${path}/rootfs/bin/true`]);
	Bun.spawnSync([runtime, "spec"], { cwd: path });
	const spec = JSON.parse(readFileSync(`${path}/config.json`, "utf8"));
	spec.process.terminal = false;
	spec.process.args = ["/bin/true"];
	writeFileSync(`${path}/config.json`, JSON.stringify(spec));
	return path;
}

const hasDocker = Bun.which("docker") !== null && Bun.spawnSync(["docker", "info"], { stderr: "ignore" }).success;
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function compare(title: string, contenders: readonly Contender[], rounds = ROUNDS): Promise<void> {
	const filter = process.argv[2];
	if (filter && !title.includes(filter)) return;
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
		const ratio = name === "NanoContainer" ? "" : `${(ms / own).toFixed(1)} ×`;
		process.stdout.write(`| ${title} | ${name} | ${ms.toFixed(1)} ms | ${ratio} |\n`);
	}
}

const path = bundle();
const bare = (runtime: string): Contender[] =>
	path && Bun.which(runtime)
		? [{ name: `bare ${runtime}`, once: () => sh([runtime, "run", "-b", path, `bench-${process.pid}`]) }]
		: [];
const docker = (...args: string[]): Contender[] =>
	hasDocker ? [{ name: "docker", once: () => sh(["docker", ...args]) }] : [];

Bun.spawnSync(["ip", "link", "set", "lo", "up"]);
sh(nc("run", "--rm", "--network", "none", IMAGE, "true"));
process.stdout.write("| what | with | median | ratio |\n|---|---|---|---|\n");
try {
	await compare("`--version`", [{ name: "NanoContainer", once: () => sh([BINARY, "--version"]) }]);
	await compare("`run --rm --network none … true`", [
		{ name: "NanoContainer", once: () => sh(nc("run", "--rm", "--network", "none", IMAGE, "true")) },
		...bare("runc"),
		...bare("crun"),
		...docker("run", "--rm", "--network", "none", "busybox", "true"),
	]);
	await compare("`run --rm … true` on the bridge", [
		{ name: "NanoContainer", once: () => sh(nc("run", "--rm", IMAGE, "true")) },
		...docker("run", "--rm", "busybox", "true"),
	]);
	sh(nc("run", "-d", "--name", "bench", "--network", "none", IMAGE, "sleep", "1000"));
	await compare("`exec … true`", [{ name: "NanoContainer", once: () => sh(nc("exec", "bench", "true")) }]);
	await compare("`run -d` and `rm -f`", [
		{
			name: "NanoContainer",
			once: () => sh(nc("run", "-d", "--name", "b2", "--network", "none", IMAGE, "sleep", "1000")),
			after: () => sh(nc("rm", "-f", "b2")),
		},
	]);
	await compare(
		"20 `run --rm --network none` at once",
		[
			{
				name: "NanoContainer",
				once: async () => {
					const children = Array.from({ length: 20 }, () =>
						Bun.spawn(nc("run", "--rm", "--network", "none", IMAGE, "true"), { stdout: "ignore" }),
					);
					await Promise.all(children.map((child) => child.exited));
				},
			},
		],
		5,
	);
	for (let i = 0; i < 99; i++) sh(nc("create", "--network", "none", IMAGE, "true"));
	await compare("`ps -a`, 100 containers", [{ name: "NanoContainer", once: () => sh(nc("ps", "-a")) }]);
	const monitor = Bun.spawnSync(["pgrep", "-f", "-n", "^nanocontainer-monitor [0-9a-f]{64}"]).stdout.toString().trim();
	const pss = /^Pss:\s+(\d+)/m.exec(
		existsSync(`/proc/${monitor}/smaps_rollup`) ? readFileSync(`/proc/${monitor}/smaps_rollup`, "utf8") : "",
	)?.[1];
	process.stdout.write(`| kept for an idle container, PSS | NanoContainer | ${pss ?? "?"} kB | |\n`);
	const size = 1 << 30;
	Bun.spawnSync(["sh", "-c", `yes 0123456789abcdef0123456789abcdef | head -c ${size} > ${dir}/gigabyte`]);
	for (const driver of ["none", "json-file"]) {
		const flags = ["--rm", "--network", "none", "--log-driver", driver, "-v", `${dir}/gigabyte:/gigabyte`];
		const start = performance.now();
		Bun.spawnSync(["sh", "-c", `${nc("run", ...flags, IMAGE, "cat", "/gigabyte").join(" ")} | cat > /dev/null`]);
		const rate = ((size / (performance.now() - start)) * 1e-6).toFixed(2);
		process.stdout.write(`| 1 GiB of output, \`--log-driver ${driver}\` | NanoContainer | ${rate} GB/s | |\n`);
	}
} finally {
	const ids = Bun.spawnSync(nc("ps", "-aq")).stdout.toString().split("\n").filter(Boolean);
	if (ids.length) sh(nc("rm", "-f", ...ids));
	rmSync(dir, { recursive: true, force: true });
}
