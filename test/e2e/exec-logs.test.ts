import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Host, IMAGE, until } from "../fixture.ts";

const host = new Host();
beforeAll(async () => {
	await host.ok(
		"run",
		"-d",
		"--network",
		"none",
		"--name",
		"box",
		"-e",
		"A=image",
		"--memory",
		"64m",
		IMAGE,
		"sleep",
		"1000",
	);
});
afterAll(() => host.close());

describe("exec", () => {
	test("exec returns the exit code, and passes both streams and standard input", async () => {
		const { code, stdout, stderr } = await host.nc("exec", "-i", "box", "sh", "-c", "cat; echo err >&2; exit 9", {
			stdin: "in",
		});
		expect([code, stdout, stderr]).toEqual([9, "in", "err\n"]);
	});
	test("exec joins all namespaces and the cgroup", async () => {
		expect(await host.ok("exec", "box", "sh", "-c", "for n in /proc/1/ns/*; do readlink $n; done")).toBe(
			await host.ok("exec", "box", "sh", "-c", "for n in /proc/self/ns/*; do readlink $n; done"),
		);
		const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", "box");
		const done = host.ok("exec", "box", "sleep", "0.3");
		await until(() => {
			const children = readFileSync(`/proc/${pid}/cgroup`, "utf8");
			return [...new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })].some((other) => {
				try {
					return (
						readFileSync(`/proc/${other}/cmdline`, "utf8") === "sleep\x000.3\0" &&
						readFileSync(`/proc/${other}/cgroup`, "utf8") === children
					);
				} catch {
					return false;
				}
			});
		}, "the exec process in the container's cgroup");
		await done;
	});
	test("exec finds its container whatever lies in the run directory", async () => {
		const other = (await host.ok("run", "-d", "--network", "none", "--name", "other", IMAGE, "sleep", "1000")).trim();
		const id = await host.ok("inspect", "-f", "{{.Id}}", "box");
		const hostname = async (name: string) => (await host.ok("exec", name, "hostname")).trim();
		const record = `${host.run}/containers/${id}/record`;
		const [whole, named] = [readFileSync(record), readFileSync(`${host.run}/names/box`)];
		for (const [path, content] of [
			[record, whole],
			[record, "{"],
			[record, whole.toString().replace(/"root":"[^"]*"/, '"root":"of:none"')],
			[record, whole.toString().replace(/"root":"[^"]*",/, "")],
			[record, readFileSync(`${host.run}/containers/${other}/record`)],
			[`${host.run}/names/box`, other],
			[`${host.run}/names/box`, "../../../x"],
		] as const) {
			writeFileSync(path, content);
			for (const name of ["box", "/box", id, id.slice(0, 12)]) expect(await hostname(name)).toBe(id.slice(0, 12));
			writeFileSync(record, whole);
			writeFileSync(`${host.run}/names/box`, named);
		}
		await host.ok("rm", "-f", "other");
		expect(readdirSync(`${host.run}/names`)).toEqual(["box"]);
		const again = (await host.ok("run", "-d", "--network", "none", "--name", "other", IMAGE, "sleep", "1000")).trim();
		expect(await hostname("other")).toBe(again.slice(0, 12));
		await host.ok("stop", "-t", "0", "other");
		expect((await host.nc("exec", "other", "true")).stderr).toContain("is not running");
		await host.ok("start", "other");
		expect(await hostname("other")).toBe(again.slice(0, 12));
		await host.ok("rm", "-f", "other");
		expect((await host.nc("exec", "other", "true")).stderr).toContain("No such container: other");
	});
	test("exec takes -e, -u, -w and the container's environment", async () => {
		expect(
			await host.ok(
				"exec",
				"-e",
				"B=new",
				"-w",
				"/tmp",
				"-u",
				"nobody",
				"box",
				"sh",
				"-c",
				"echo $A $B $(pwd) $(id -u)",
			),
		).toBe("image new /tmp 65534");
	});
	test("exec of a missing program exits 127 and tells it on standard output", async () => {
		const { code, stdout } = await host.nc("exec", "box", "nosuch");
		expect([code, stdout]).toEqual([
			127,
			'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown\n',
		]);
		expect((await host.nc("exec", "-w", "/nosuch", "box", "true")).code).toBe(126);
		expect((await host.nc("exec", "-u", "nosuch", "box", "true")).stdout).toContain("unable to find user nosuch");
	});
	test("exec -d returns at once and the process goes on", async () => {
		expect(await host.ok("exec", "-d", "box", "sh", "-c", "sleep 0.1; touch /later")).toBe("");
		await until(async () => (await host.nc("exec", "box", "test", "-e", "/later")).code === 0, "the detached process");
	});
	test("exec has the container's capabilities, seccomp and no open descriptors of the host", async () => {
		const out = await host.ok(
			"exec",
			"box",
			"sh",
			"-c",
			"grep -E 'CapEff|Seccomp:' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '",
		);
		expect(out).toBe("CapEff:\t00000000a80425fb\nSeccomp:\t2\n0 1 2 3 ");
		expect(await host.ok("exec", "--privileged", "box", "grep", "Seccomp:", "/proc/self/status")).toBe("Seccomp:\t0");
	});
	test("exec is in the container's root, whatever its first process has chroot'ed itself into", async () => {
		const jail =
			"echo app:x:1000:1000::/:/bin/sh >> /etc/passwd; mkdir -p /jail/etc && echo app:x:0:0::/: > /jail/etc/passwd;" +
			"cp /bin/busybox /jail/ && exec chroot /jail /busybox sleep 1000";
		await host.ok("run", "-d", "--name", "jailed", "--network", "none", IMAGE, "sh", "-c", jail);
		await until(
			async () => (await host.ok("exec", "jailed", "cat", "/proc/1/cmdline")).startsWith("/busybox"),
			"chroot",
		);
		expect(await host.ok("exec", "jailed", "ls", "-d", "/etc/hostname", "/jail/busybox")).toBe(
			"/etc/hostname\n/jail/busybox",
		);
		expect(await host.ok("exec", "-w", "/jail", "-u", "app", "jailed", "sh", "-c", "pwd; id -u")).toBe("/jail\n1000");
		await host.ok("rm", "-f", "jailed");
	});
	test("exec in a stopped container is an error", async () => {
		await host.ok("create", "--name", "still", IMAGE, "true");
		const { code, stderr } = await host.nc("exec", "still", "true");
		expect(code).toBe(1);
		expect(stderr).toMatch(/container [0-9a-f]{64} is not running/);
	});
	test("exec with a process left in the background returns", async () => {
		const started = performance.now();
		await host.ok("exec", "box", "sh", "-c", "sleep 30 & echo started");
		expect(performance.now() - started).toBeLessThan(5000);
	});
});

test("a failed exec leaves nothing that keeps its container from ending, also where nobody collects orphans", () => {
	const nc = host.command().join(" ");
	const script = [
		`${nc} run -d --name lone --network none ${IMAGE} sleep 1000`,
		`${nc} exec lone nosuch; ${nc} exec -w /nosuch lone true`,
		`${nc} rm -f lone; echo removed`,
	].join("; ");
	// timeout(1) as the first process of a pid namespace waits for its own child alone.
	const shell = ["timeout", "30", "sh", "-c", script];
	const { stdout } = Bun.spawnSync(["unshare", "--pid", "--fork", "--mount-proc", ...shell]);
	expect(stdout.toString()).toEndWith("lone\nremoved\n");
});

describe("logs", () => {
	const script = "echo one; echo two >&2; printf three";
	test("logs replays both streams apart, the last line as it was", async () => {
		await host.sh("true"); // the image is there
		await host.nc("run", "--network", "none", "--name", "talk", IMAGE, "sh", "-c", script);
		const { stdout, stderr } = await host.nc("logs", "talk");
		expect([stdout, stderr]).toEqual(["one\nthree", "two\n"]);
		expect((await host.nc("log", "talk")).stdout).toBe("one\nthree");
	});
	test("the log is docker's json-file", async () => {
		const path = await host.ok("inspect", "-f", "{{.LogPath}}", "talk");
		const lines = readFileSync(path, "utf8")
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line));
		expect(lines.find((line) => line.stream === "stderr").log).toBe("two\n");
		expect(lines[0].time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
	});
	test("--tail counts lines, -t adds times, --since and --until cut", async () => {
		await host.nc("run", "--network", "none", "--name", "count", IMAGE, "sh", "-c", "seq 1 10");
		expect(await host.ok("logs", "--tail", "2", "count")).toBe("9\n10");
		expect(await host.ok("logs", "-n", "0", "count")).toBe("");
		expect(await host.ok("logs", "-t", "-n", "1", "count")).toMatch(/^\d{4}-.*Z 10$/);
		expect(await host.ok("logs", "--since", "1h", "-n", "1", "count")).toBe("10");
		expect(await host.ok("logs", "--until", "1h", "count")).toBe("");
		expect((await host.nc("logs", "--since", "x", "count")).stderr).toContain(
			'invalid value for "since": failed to parse value as time or duration: "x"',
		);
	});
	test("logs -f follows and ends when the container does", async () => {
		await host.ok(
			"run",
			"-d",
			"--network",
			"none",
			"--name",
			"slow",
			IMAGE,
			"sh",
			"-c",
			"for i in 1 2 3 4 5; do echo $i; sleep 0.1; done",
		);
		expect(await host.ok("logs", "-f", "slow")).toBe("1\n2\n3\n4\n5");
	});
	test("bytes that JSON cannot hold, long lines and control characters survive", async () => {
		const args = [
			"run",
			"--network",
			"none",
			"--name",
			"odd",
			IMAGE,
			"sh",
			"-c",
			`printf '\\001"\\\\\\t<é\\n'; head -c 40000 /dev/zero | tr '\\0' x; echo`,
		];
		const direct = await host.ok(...args);
		expect(await host.ok("logs", "odd")).toBe(direct);
	});
	test("--log-driver none keeps nothing and says so", async () => {
		expect(
			(await host.nc("run", "--network", "none", "--name", "mute", "--log-driver", "none", IMAGE, "echo", "seen"))
				.stdout,
		).toBe("seen\n");
		expect((await host.nc("logs", "mute")).stderr).toContain("configured logging driver does not support reading");
	});
});

describe("large streams", () => {
	// Less where the processor is emulated (test/vm/suites.test.ts).
	const SIZE = Number(process.env["NC_STREAM_MB"] ?? 256) * 1024 * 1024;
	const pattern = `yes 0123456789abcdef | head -c ${SIZE}`;
	test("output is byte-exact through run, with and without a log", async () => {
		const direct = (await Bun.$`sh -c ${`${pattern} | sha256sum`}`.text()).split(" ")[0];
		const sum = async (...flags: string[]) => {
			const command = host.command("run", "--rm", "--network", "none", ...flags, IMAGE, "sh", "-c", pattern);
			return (await Bun.$`${command} | sha256sum`.text()).split(" ")[0];
		};
		expect(await sum("--log-driver", "none")).toBe(direct);
		expect(await sum()).toBe(direct);
	});
	test("input is byte-exact through run -i, from a pipe and from a file", async () => {
		const direct = (await Bun.$`sh -c ${`${pattern} | sha256sum`}`.text()).split(" ")[0];
		const command = host.command("run", "--rm", "-i", "--network", "none", IMAGE, "sha256sum");
		expect((await Bun.$`sh -c ${pattern} | ${command}`.text()).split(" ")[0]).toBe(direct);
		await Bun.$`sh -c ${pattern} > ${host.dir}/input`;
		expect((await Bun.$`${command} < ${Bun.file(`${host.dir}/input`)}`.text()).split(" ")[0]).toBe(direct);
	});
	test("a slow reader loses nothing", async () => {
		const command = host.command("run", "--rm", "--network", "none", IMAGE, "sh", "-c", "seq 1 200000");
		const text = await Bun.$`${command} | (sleep 0.5; cat) | tail -1`.text();
		expect(text).toBe("200000\n");
	});
	test("a reader that goes away ends the command, not the container", async () => {
		const command = host.command("run", "--network", "none", "--name", "endless", "--log-driver", "none", IMAGE, "yes");
		// A shell's own pipe: nobody else may hold its reading end.
		const shell = Bun.spawn(["sh", "-c", `${command.join(" ")} | head -1`], { stdout: "pipe" });
		expect(await new Response(shell.stdout).text()).toBe("y\n");
		await shell.exited;
		expect(await host.ok("inspect", "-f", "{{.State.Status}}", "endless")).toBe("running");
		await host.ok("rm", "-f", "endless");
	});
});
