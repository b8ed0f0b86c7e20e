/** Nothing that is endless, slow or lost may hold the user: input without end, signals, logs, records that are gone. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { Host, IMAGE, loopbackUp, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const ENDLESS = "neither a regular file nor a pipe";

describe("input", () => {
	test("without end is refused by its name, whichever flag names it", async () => {
		for (const args of [
			["run", "--env-file", "/dev/zero", IMAGE],
			["run", "--label-file", "/dev/zero", IMAGE],
			["create", "--env-file", "/dev/random", IMAGE],
			["create", "--security-opt", "seccomp=/dev/zero", "--name", "filter", IMAGE, "true"],
			["load", "-i", "/dev/zero"],
			["build", "--secret", "id=x,src=/dev/zero", host.dir],
			["build", "--ssh", "default=/dev/zero", host.dir],
			["build", "/dev/zero"],
		]) {
			const dockerfile = `${host.dir}/Dockerfile`;
			writeFileSync(dockerfile, `FROM ${IMAGE}\n`);
			const { code, stderr } = await host.nc(...args);
			if (args.includes("filter")) {
				expect((await host.nc("start", "filter")).stderr).toContain(ENDLESS);
				await host.ok("rm", "filter");
				continue;
			}
			expect([args.join(" "), stderr]).toEqual([
				args.join(" "),
				expect.stringMatching(/neither a (regular file|directory)/),
			]);
			expect(code).toBeGreaterThan(0);
		}
		expect(await host.ok("run", "--rm", "--network", "none", "--env-file", "/dev/null", IMAGE, "echo", "empty")).toBe(
			"empty",
		);
	});

	test("of more than any list has is refused, and so is a stream that goes on for ever", async () => {
		const large = `${host.dir}/large`;
		writeFileSync(large, "");
		truncateSync(large, 2 ** 40);
		expect((await host.nc("run", "--env-file", large, IMAGE)).stderr).toMatch(/has more than the \d+ bytes/);
		const endless = async (...args: string[]) => {
			const child = Bun.spawn(host.command(...args), {
				stdin: Bun.file("/dev/zero"),
				stderr: "pipe",
				stdout: "ignore",
			});
			const text = await new Response(child.stderr).text();
			expect(await child.exited).toBe(1);
			return text;
		};
		expect(await endless("load")).toContain("much follows its end");
		expect(await endless("build", "-")).toContain("neither an archive nor a Dockerfile");
		expect(await endless("build", "-f", "-", host.dir)).toContain("neither a regular file nor a pipe");
	});

	test("a width of a thousand millions is a mistake in the template", async () => {
		for (const format of [
			'{{printf "%1000000000d" 1}}',
			'{{printf "%-9999999999s" "a"}}',
			'{{printf "%.9999999999f" 1}}',
			'{{pad "a" 9999999999 0}}',
		]) {
			expect((await host.nc("info", "-f", format)).stderr).toMatch(/1000000/);
		}
	});

	test("patterns that took years", async () => {
		const dir = `${host.dir}/patterns`;
		mkdirSync(dir);
		writeFileSync(`${dir}/${"a".repeat(200)}`, "x");
		writeFileSync(`${dir}/.dockerignore`, `${"a*".repeat(30)}b\n!${"a*".repeat(30)}c\n`);
		writeFileSync(
			`${dir}/Dockerfile`,
			`FROM ${IMAGE}\nCOPY . /d/\nCOPY --exclude=${"a*".repeat(30)}b . /e/\nRUN ls /d /e | wc -l > /n\n`,
		);
		const began = performance.now();
		const image = await host.ok("build", "-q", dir);
		expect(performance.now() - began).toBeLessThan(10_000);
		expect(await host.ok("run", "--rm", "--network", "none", image, "cat", "/n")).toBe("7");
		await host.nc("ps", "-a", "--filter", `name=(a+)+$`);
		await host.nc("images", "--filter", `reference=${"a*".repeat(40)}b`);
	});
});

describe("logs", () => {
	test("of a container that writes without pause end at what was there when they began", async () => {
		await host.ok(
			"run",
			"-d",
			"--name",
			"chatter",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"while :; do echo line; done",
		);
		await until(async () => (await host.ok("logs", "--tail", "1", "chatter")) !== "", "its first line");
		const began = performance.now();
		expect(await host.ok("logs", "--tail", "2", "chatter")).toBe("line\nline");
		const all = await host.ok("logs", "chatter");
		expect(performance.now() - began).toBeLessThan(20_000);
		expect(all.replaceAll("line\n", "")).toBe("line");
		await host.ok("rm", "-f", "chatter");
	});
});

describe("a signal ends it within a second", () => {
	let seed = 4;
	const random = (below: number): number => {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff;
		return (seed >> 8) % below;
	};

	async function ended(signal: NodeJS.Signals, after: number, args: readonly string[], stdin?: number): Promise<void> {
		const child = Bun.spawn(host.command(...args), { stdin: stdin ?? "ignore", stdout: "ignore", stderr: "ignore" });
		await Promise.race([Bun.sleep(after), child.exited]);
		const began = performance.now();
		child.kill(signal);
		await child.exited;
		expect([args[0], signal, after, performance.now() - began < 1500]).toEqual([args[0], signal, after, true]);
	}

	test("whatever the verb, at random moments", async () => {
		await host.ok(
			"run",
			"-d",
			"--name",
			"deaf",
			"--network",
			"none",
			IMAGE,
			"sh",
			"-c",
			"trap '' TERM; while :; do sleep 1; done",
		);
		const silent = createServer(() => {}).listen(5019, "127.0.0.1"); // takes a connection, and never says a word
		const context = `${host.dir}/slow`;
		mkdirSync(context);
		writeFileSync(`${context}/Dockerfile`, `FROM ${IMAGE}\nRUN sleep 100\n`);
		const verbs: readonly (readonly string[])[] = [
			["ps", "-a"],
			["images"],
			["info"],
			["inspect", "deaf"],
			["logs", "-f", "deaf"],
			["attach", "--sig-proxy=false", "deaf"],
			["exec", "deaf", "sleep", "100"],
			["run", "--rm", "--init", "--network", "none", IMAGE, "sleep", "100"],
			["run", "--rm", "--network", "none", "127.0.0.1:5019/x"],
			["create", "127.0.0.1:5019/x"],
			["pull", "127.0.0.1:5019/x"],
			["stop", "-t", "100", "deaf"],
			["build", context],
			["builder", "prune", "-f"],
			["system", "check"],
			["start", "deaf"],
			["kill", "-s", "CONT", "deaf"],
		];
		for (const verb of verbs) {
			for (const signal of ["SIGINT", "SIGTERM"] as const) await ended(signal, 5 + random(400), verb);
		}
		await ended("SIGTERM", 200, ["load"], pipeThatNeverEnds());
		silent.close();
		await host.ok("rm", "-f", "deaf");
		for (const id of (await host.ok("ps", "-aq")).split("\n").filter(Boolean)) await host.ok("rm", "-f", id);
	}, 120_000);

	/** A descriptor from which nothing comes. */
	function pipeThatNeverEnds(): number {
		const path = `${host.dir}/fifo`;
		Bun.spawnSync(["mkfifo", path]);
		return openSync(path, "r+");
	}

	test("a build that is deep in its work, which does not hear of it", async () => {
		const context = `${host.dir}/deep`;
		mkdirSync(context);
		writeFileSync(`${context}/Dockerfile`, `FROM ${IMAGE}\nCOPY hole /hole\n`);
		writeFileSync(`${context}/hole`, "");
		truncateSync(`${context}/hole`, 2 ** 40); // reading it for its digest takes minutes
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
			await ended(signal, 300 + random(300), ["build", context]);
		const child = Bun.spawn(host.command("build", context), { stdout: "ignore", stderr: "pipe" });
		await Bun.sleep(500);
		child.kill("SIGINT");
		expect(await new Response(child.stderr).text()).toEndWith(
			"ERROR: failed to build: failed to solve: Canceled: context canceled\n",
		);
		expect(await child.exited).toBe(1);
		rmSync(context, { recursive: true });
		await host.ok("build", "-q", "-", { stdin: `FROM ${IMAGE}\nRUN true\n` }); // takes away what those left
		expect(readdirSync(`${host.root}/staging`)).toEqual([]);
	}, 60_000);
});

describe("a build's caller", () => {
	const context = `${host.dir}/called`;
	const build = `"$@" build --progress plain ${context}`;
	const called = (script: string) =>
		Bun.spawn(["sh", "-c", script, "sh", ...host.command()], { stdout: "pipe", stderr: "pipe" });

	test("that ignores a signal, as nohup does, is not ended by it", async () => {
		mkdirSync(context);
		writeFileSync(`${context}/Dockerfile`, `FROM ${IMAGE}\nRUN sleep 2; echo $RANDOM > /f\n`);
		for (const signal of ["HUP", "INT", "TERM"] as const) {
			const child = called(`trap '' ${signal}; exec ${build} --no-cache`);
			await Bun.sleep(500);
			child.kill(`SIG${signal}`);
			expect([signal, await child.exited]).toEqual([signal, 0]);
		}
	}, 30_000);

	test("that ignores SIGCHLD, as daemons do, hears of its end", async () => {
		const ignoring =
			"import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
		const child = Bun.spawn(["python3", "-c", ignoring, ...host.command("build", "-q", context)], { stdout: "pipe" });
		expect(await new Response(child.stdout).text()).toStartWith("sha256:");
		expect(await child.exited).toBe(0);
	});

	test("whose pipe does not wait is waited for", async () => {
		const script = `import os, subprocess, sys, time
r, w = os.pipe()
os.set_blocking(r, False)
child = subprocess.Popen(sys.argv[1:], stdin=r)
os.close(r)
time.sleep(0.3)
os.write(w, b"FROM ${IMAGE}\\nLABEL a=b\\n")
os.close(w)
sys.exit(child.wait())`;
		const child = Bun.spawn(["python3", "-c", script, ...host.command("build", "-q", "-")], { stdout: "pipe" });
		expect(await new Response(child.stdout).text()).toStartWith("sha256:");
		expect(await child.exited).toBe(0);
		rmSync(context, { recursive: true });
	});
});

describe("records that are gone", () => {
	const names = async () => (await host.ok("ps", "-a", "--format", "{{.Names}}")).split("\n").sort();
	const database = `${host.root}/state.db`;
	const lose: Readonly<Record<string, () => void>> = {
		"is gone": () => {
			for (const suffix of ["", "-wal", "-shm"]) rmSync(`${database}${suffix}`, { force: true });
		},
		"is empty": () => truncateSync(database, 0),
		"is damaged": () => {
			checkpoint();
			const fd = openSync(database, "r+");
			writeSync(fd, Buffer.alloc(100, "x"), 0, 100, 0);
		},
	};

	/** All that is in the log goes into the file. */
	function checkpoint(): number {
		const db = new Database(database);
		db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
		const { rootpage } = db.query("SELECT rootpage FROM sqlite_schema WHERE name = 'tags'").get() as {
			rootpage: number;
		};
		db.close();
		return rootpage;
	}

	for (const [how, action] of Object.entries(lose)) {
		test(`state.db ${how}: it is said, nothing is taken for new, and --repair finds what runs`, async () => {
			const context = `${host.dir}/lost`;
			mkdirSync(context, { recursive: true });
			writeFileSync(`${context}/Dockerfile`, `FROM ${IMAGE}\nRUN echo kept > /kept\n`);
			await host.ok("build", "-q", "-t", "mine:1", context);
			await host.ok("run", "-d", "--name", "runs", "-v", "things:/t", "mine:1", "sh", "-c", "cp /kept /t/; sleep 1000");
			await host.ok("exec", "runs", "sh", "-c", "until test -e /t/kept; do sleep 0.1; done");
			await host.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "runs");
			const address = await host.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "runs");
			action();
			for (const verb of [
				["ps"],
				["images"],
				["run", "--rm", IMAGE],
				["pull", "x"],
				["rmi", "mine:1"],
				["builder", "prune", "-f"],
			]) {
				const { code, stderr } = await host.nc(...verb);
				expect(stderr).toContain(`${database} ${how}`);
				expect(stderr).toContain("system check --repair");
				expect(code).toBeGreaterThan(0);
			}
			expect((await host.nc("system", "check")).stdout).toContain(`${database} ${how}`);
			const repaired = await host.nc("system", "check", "--repair");
			expect(repaired.stdout).toMatch(/on record again: 1 containers, \d images, 1 volumes/);
			expect(await names()).toEqual(["runs"]);
			expect(await host.ok("exec", "runs", "cat", "/kept")).toBe("kept");
			expect(await host.ok("inspect", "-f", "{{.State.Running}} {{.NetworkSettings.IPAddress}}", "runs")).toBe(
				`true ${address}`,
			);
			expect(await host.ok("run", "--rm", "-v", "things:/t", "mine:1", "cat", "/t/kept")).toBe("kept");
			await host.ok("rm", "-f", "runs");
			expect(await host.ok("system", "check")).toContain("No problem");
			await host.ok("rmi", "mine:1");
		});
	}

	test("a page that is damaged: what can still be read is kept", async () => {
		await host.ok("create", "--name", "still", "--network", "none", IMAGE, "true");
		const rootpage = checkpoint();
		const fd = openSync(database, "r+");
		writeSync(fd, Buffer.alloc(4096, "y"), 0, 4096, (rootpage - 1) * 4096);
		expect((await host.nc("images")).stderr).toContain("is damaged");
		expect((await host.nc("system", "check", "--repair")).stdout).toContain("what was there is kept as");
		expect(await names()).toEqual(["still"]);
		await host.ok("rm", "still");
		for (const name of readdirSync(host.root)) if (name.includes(".damaged-")) rmSync(`${host.root}/${name}`);
		expect(existsSync(database)).toBe(true);
	});

	test("a config.json that is broken is a warning, with its place", async () => {
		const config = `${host.dir}/config`;
		mkdirSync(config);
		for (const [text, why] of [
			["{bad", "it is not JSON"],
			['{"auths": 5}', '"auths": '],
			["[]", "it is a list"],
		] as const) {
			writeFileSync(`${config}/config.json`, text);
			const { stderr } = await host.nc("--config", config, "pull", "127.0.0.1:1/x");
			expect(stderr).toContain(`WARNING: Error loading config file: ${config}/config.json: ${why}`);
			expect(stderr).toContain("connection refused");
		}
	});
});
