/** Health checks: when they run, what is made of what they say, and what they cost. */
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Host, IMAGE, loopbackUp, settled, until } from "../fixture.ts";

loopbackUp();
const host = new Host();
afterAll(() => host.close());
const start = (name: string, check: string, ...flags: string[]) =>
	host.ok(
		"run",
		"-d",
		"--name",
		name,
		"--network",
		"none",
		"--health-cmd",
		check,
		"--health-interval",
		"50ms",
		...flags,
		IMAGE,
		"sleep",
		"1000",
	);
const health = async (name: string) => JSON.parse(await host.ok("inspect", "-f", "{{json .State.Health}}", name));
const status = async (name: string) => (await health(name)).Status;
const becomes = (name: string, wanted: string) =>
	until(async () => (await status(name)) === wanted, `${name} ${wanted}`);
const commands = () =>
	readdirSync("/proc")
		.filter((pid) => /^\d+$/.test(pid))
		.map((pid) => {
			try {
				return readFileSync(`/proc/${pid}/cmdline`, "utf8");
			} catch {
				return "";
			}
		});

test("from starting to healthy, to unhealthy after so many failures, and back at once", async () => {
	await start("web", "test -e /ok && echo fine", "--health-retries", "3", "--health-interval", "500ms");
	expect(await status("web")).toBe("starting");
	expect(await host.ok("ps", "--format", "{{.Status}}")).toMatch(/^Up .* \(health: starting\)$/);
	await becomes("web", "unhealthy");
	const failed = await health("web");
	expect(failed.FailingStreak).toBeGreaterThanOrEqual(3);
	expect(failed.Log[0]).toEqual({
		Start: expect.stringMatching(/^20.*\d{9}Z$/),
		End: expect.any(String),
		ExitCode: 1,
		Output: "",
	});
	await host.ok("exec", "web", "touch", "/ok");
	await becomes("web", "healthy");
	const fine = await health("web");
	expect([fine.FailingStreak, fine.Log.at(-1).Output]).toEqual([0, "fine\n"]);
	expect(await host.ok("ps", "--format", "{{.Status}}", "-f", "health=healthy")).toMatch(/^Up .* \(healthy\)$/);
	expect(await host.ok("ps", "-q", "-f", "health=unhealthy")).toBe("");
	await until(async () => (await health("web")).Log.length === 5, "five results");
	await host.ok("rm", "-f", "web");
});

test("runs as an exec does: user, environment, directory, cgroup, rights; no more of its output than 4096 bytes is kept", async () => {
	await host.ok("build", "-q", "-t", "made", "-", {
		stdin: `FROM ${IMAGE}\nRUN echo app:x:4000:5000::/:/bin/sh >> /etc/passwd && mkdir /work\nUSER app\nENV A=b\nWORKDIR /work\nHEALTHCHECK --interval=50ms CMD ["sh", "-c", "id -u; echo $A; pwd; cat /proc/self/cgroup | tail -1; grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; ls /proc/self/fd | wc -l; head -c 9000 /dev/zero | tr '\\\\0' x"]`,
	});
	const id = await host.ok("run", "-d", "--name", "who", "--network", "none", "made", "sleep", "1000");
	await becomes("who", "healthy");
	const [{ Output }] = (await health("who")).Log;
	const [uid, a, pwd, cgroup = "", caps, seccomp, fds, rest] = Output.split("\n");
	expect([uid, a, pwd, caps, seccomp]).toEqual(["4000", "b", "/work", "CapEff:\t0000000000000000", "Seccomp:\t2"]);
	expect([Output.length, /^x+$/.test(rest), Number(fds)]).toEqual([4096, true, 4]);
	expect((await host.ok("exec", "who", "cat", "/proc/self/cgroup")).split("\n").at(-1)).toBe(cgroup);
	expect(await host.ok("inspect", "-f", "{{json .Config.Healthcheck.Interval}}", id)).toBe("50000000");
	await host.ok("rm", "-f", "who");
	expect(await host.ok("run", "--rm", "--name", "not", "--no-healthcheck", "--network", "none", "made", "true")).toBe(
		"",
	);
});

test("who takes too long is killed, and has failed; who cannot be executed too", async () => {
	await start("slow", "echo before; sleep 4713", "--health-timeout", "200ms", "--health-retries", "1");
	await becomes("slow", "unhealthy");
	expect((await health("slow")).Log[0]).toMatchObject({
		ExitCode: -1,
		Output: "Health check exceeded timeout (200ms)",
	});
	await host.ok("rm", "-f", "slow");
	expect(commands().filter((text) => text.startsWith("sleep\x004713"))).toEqual([]);
	await host.ok("build", "-q", "-t", "none", "-", {
		stdin: `FROM ${IMAGE}\nHEALTHCHECK --interval=50ms --retries=1 CMD ["/nosuch"]`,
	});
	await host.ok("run", "-d", "--name", "none", "--network", "none", "none", "sleep", "1000");
	await becomes("none", "unhealthy");
	expect((await health("none")).Log[0]).toMatchObject({
		ExitCode: 127,
		Output: "the check cannot be executed: no such file or directory",
	});
	await host.ok("rm", "-f", "none");
});

test("in the start period failures do not count, and checks come by their own interval", async () => {
	await start(
		"young",
		"test -e /ok",
		"--health-interval",
		"1h",
		"--health-start-interval",
		"50ms",
		"--health-start-period",
		"5s",
		"--health-retries",
		"1",
	);
	await until(async () => (await health("young")).Log.length > 2, "three results");
	expect(await health("young")).toMatchObject({ Status: "starting", FailingStreak: 0 });
	await host.ok("exec", "young", "touch", "/ok");
	await becomes("young", "healthy");
	await host.ok("rm", "-f", "young");
});

test("who is paused is not asked; who is stopped and started again begins anew", async () => {
	await start("held", "echo up");
	await becomes("held", "healthy");
	await host.ok("pause", "held");
	const count = async () => (await health("held")).Log.at(-1).Start;
	const last = await count();
	await Bun.sleep(200);
	expect([await count(), await status("held")]).toEqual([last, "healthy"]);
	await host.ok("unpause", "held");
	await until(async () => (await count()) !== last, "the next");
	await host.ok("stop", "-t", "0", "held");
	expect(await status("held")).toBe("unhealthy");
	expect(await host.ok("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited/);
	await host.ok("start", "held");
	await becomes("held", "healthy");
	await host.ok("rm", "-f", "held");
});

describe("what happens to who turns unhealthy", () => {
	const flags = ["--health-retries", "2", "--health-on-failure"];
	test("kill", async () => {
		await start("killed", "false", ...flags, "kill");
		expect(await host.ok("wait", "killed")).toBe("137");
		await host.ok("rm", "killed");
	});
	test("kill, with a policy: again and again", async () => {
		await start("again", "false", ...flags, "kill", "--restart", "always");
		await until(async () => Number(await host.ok("inspect", "-f", "{{.RestartCount}}", "again")) >= 2, "two starts");
		await host.ok("rm", "-f", "again");
	});
	test("restart and stop", async () => {
		const id = await start(
			"new",
			"test -e /run-before || { touch /run-before; exit 1; }",
			"--health-retries",
			"1",
			"--health-on-failure",
			"restart",
		);
		const pid = await host.ok("inspect", "-f", "{{.State.Pid}}", id);
		await until(async () => {
			const [now, state] = (await host.ok("inspect", "-f", "{{.State.Pid}} {{.State.Health.Status}}", id)).split(" ");
			return now !== pid && state === "healthy";
		}, "the other");
		await host.ok("rm", "-f", "new");
		await start("gone", "false", ...flags, "stop", "--stop-timeout", "0");
		await until(async () => (await host.ok("inspect", "-f", "{{.State.Status}}", "gone")) === "exited", "the end");
		await host.ok("rm", "gone");
	});
});

test("fifty of them cost no process of their own, and little time", async () => {
	const names = Array.from({ length: 50 }, (_, i) => `many-${i}`);
	for (const name of names)
		await host.ok(
			"run",
			"-d",
			"--name",
			name,
			"--network",
			"none",
			"--health-cmd",
			"true",
			"--health-interval",
			"5s",
			IMAGE,
			"sleep",
			"1000",
		);
	const ids = (await host.ok("ps", "-q", "--no-trunc")).split("\n");
	const monitors = () => commands().filter((text) => ids.some((id) => text.includes(id))).length;
	await until(() => monitors() === 50, "a monitor for each, and no check that is beginning");
	await until(async () => (await host.ok("ps", "-q", "-f", "health=healthy")).split("\n").length === 50, "all", 30_000);
	await host.ok("rm", "-f", ...names);
}, 120_000);

test.each([
	[["--health-cmd", "x", "--no-healthcheck"], "--no-healthcheck conflicts with --health-* options"],
	[["--health-interval", "-1s"], "--health-interval cannot be negative"],
	[["--health-retries", "-1"], "--health-retries cannot be negative"],
	[["--health-timeout", "10us"], "--health-timeout in Healthcheck cannot be less than one millisecond"],
	[["--health-interval", "soon"], 'time: invalid duration "soon"'],
	[["--health-on-failure", "cry"], '"cry" is none of none, kill, restart, stop'],
])("%p is refused", async (flags, error) => {
	const { code, stderr } = await host.nc("run", ...flags, IMAGE, "true");
	expect([code, stderr.includes(error)]).toEqual([125, true]);
});

test("nothing is left", async () => {
	expect(await settled(() => host.leftovers())).toEqual([]);
});
