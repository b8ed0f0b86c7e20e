/** Running containers: how long until one has run, what one that runs keeps, and how fast its output comes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Docker } from "../test/peers.ts";
import { BINARY, type Contender, compare, dir, IMAGE, nc, row, sh, wanted } from "./compare.ts";
import { faults } from "./faults.ts";

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

export async function running(docker: Docker | undefined): Promise<void> {
	const path = bundle();
	const bare = (runtime: string): Contender[] =>
		path && Bun.which(runtime)
			? [{ name: `bare ${runtime}`, once: () => sh([runtime, "run", "-b", path, `bench-${process.pid}`]) }]
			: [];
	const dockerRun = (...args: string[]): Contender[] =>
		docker ? [{ name: "docker", once: () => sh(docker.command(...args), docker) }] : [];
	await compare("`--version`", [{ name: "NanoContainer", once: () => sh([BINARY, "--version"]) }]);
	await compare("`run --rm --network none … true`", [
		{ name: "NanoContainer", once: () => sh(nc("run", "--rm", "--network", "none", IMAGE, "true")) },
		...bare("runc"),
		...bare("crun"),
		...dockerRun("run", "--rm", "--network", "none", IMAGE, "true"),
	]);
	await compare("`run --rm … true` on the bridge", [
		{ name: "NanoContainer", once: () => sh(nc("run", "--rm", IMAGE, "true")) },
	]);
	sh(nc("run", "-d", "--name", "bench", "--network", "none", IMAGE, "sleep", "1000"));
	await compare("`exec … true`", [{ name: "NanoContainer", once: () => sh(nc("exec", "bench", "true")) }]);
	faults();
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
	if (wanted("`ps -a`")) for (let i = 0; i < 99; i++) sh(nc("create", "--network", "none", IMAGE, "true"));
	await compare("`ps -a`, 100 containers", [{ name: "NanoContainer", once: () => sh(nc("ps", "-a")) }]);
	const monitor = Bun.spawnSync(["pgrep", "-f", "-n", "^nanocontainer-monitor [0-9a-f]{64}"]).stdout.toString().trim();
	const pss = /^Pss:\s+(\d+)/m.exec(
		existsSync(`/proc/${monitor}/smaps_rollup`) ? readFileSync(`/proc/${monitor}/smaps_rollup`, "utf8") : "",
	)?.[1];
	if (wanted("kept")) row("kept for an idle container, PSS", "NanoContainer", `${pss ?? "?"} kB`);
	if (!wanted("1 GiB of output")) return;
	const size = 1 << 30;
	Bun.spawnSync(["sh", "-c", `yes 0123456789abcdef0123456789abcdef | head -c ${size} > ${dir}/gigabyte`]);
	for (const driver of ["none", "json-file"]) {
		const flags = ["--rm", "--network", "none", "--log-driver", driver, "-v", `${dir}/gigabyte:/gigabyte`];
		const rates = [0, 1, 2].map(() => {
			const start = performance.now();
			Bun.spawnSync(["sh", "-c", `${nc("run", ...flags, IMAGE, "cat", "/gigabyte").join(" ")} | cat > /dev/null`]);
			return (size / (performance.now() - start)) * 1e-6;
		});
		const [, rate = 0] = rates.toSorted((a, b) => a - b);
		row(`1 GiB of output, \`--log-driver ${driver}\``, "NanoContainer", `${rate.toFixed(2)} GB/s`);
	}
}
